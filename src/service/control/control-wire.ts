/**
 * JSON-RPC over a Unix socket, as both sides of the control protocol use it: framing with a bound
 * on every message, and errors that keep their code and hint.
 *
 * A request is `[params, progressToken | null]`; progress is the standard `$/progress`
 * notification. Only bytes of the same user arrive here (the socket's directory is private), but a
 * bug on the other side must not make this side grow without limit.
 */
import type { Socket } from 'node:net';
import {
  AbstractMessageReader,
  createMessageConnection,
  ErrorCodes,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageConnection,
  type MessageReader,
  ProgressType,
  ResponseError,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node.js';
import { isErrno, XcacheError, type XcacheErrorCode } from '../../base/errors.js';
import type { Progress, SessionSummary } from './protocol.js';

/** The type of `$/progress` notifications. */
export const progressType: ProgressType<Progress> = new ProgressType<Progress>();

/** The same for the sessions that `watch` tells of, with the token of that request. */
export const sessionType: ProgressType<SessionSummary> = new ProgressType<SessionSummary>();

/** `Content-Length: ` and a number, with some room for a second header line. */
const headerBytesMax = 256;

/**
 * Makes a connection that owns `socket` and is not listening yet. It is disposed, and requests in
 * flight are rejected, when the socket closes or a message breaks the rules.
 */
export function createWireConnection(socket: Socket, messageBytesMax: number): MessageConnection {
  const connection = createMessageConnection(
    new BoundedMessageReader(socket, messageBytesMax),
    new SilentMessageWriter(socket),
  );
  connection.onClose(() => {
    connection.dispose();
    socket.destroy();
  });
  // A message that breaks the rules leaves nothing to wait for.
  connection.onError(() => socket.destroy());
  return connection;
}

/** The error as it goes over the wire. */
export function errorToWire(error: unknown): ResponseError<WireError> {
  const known = error instanceof XcacheError ? error : describeUnknown(error);
  const data: WireError = { code: known.code, hint: known.hint ?? null };
  return new ResponseError(ErrorCodes.UnknownErrorCode, known.message, data);
}

/** What went over the wire as an error again; anything else becomes `XC_SERVICE_UNREACHABLE`. */
export function errorFromWire(error: unknown): XcacheError {
  if (error instanceof ResponseError && isWireError(error.data)) {
    const { code, hint } = error.data;
    return new XcacheError(code, error.message, hint === null ? {} : { hint });
  }
  return new XcacheError('XC_SERVICE_UNREACHABLE', 'the service went away during the request', {
    cause: error,
    hint: 'its log file tells why; the next command starts it again',
  });
}

interface WireError {
  readonly code: XcacheErrorCode;
  readonly hint: string | null;
}

/** The other side of a connection has the same protocol version, so its codes are ours. */
function isWireError(data: unknown): data is WireError {
  return (
    typeof data === 'object' &&
    data !== null &&
    'code' in data &&
    typeof data.code === 'string' &&
    data.code.startsWith('XC_') &&
    'hint' in data &&
    (data.hint === null || typeof data.hint === 'string')
  );
}

function describeUnknown(error: unknown): XcacheError {
  const message = error instanceof Error ? error.message : String(error);
  if (isErrno(error, 'ENOSPC') || isErrno(error, 'EDQUOT')) {
    return new XcacheError('XC_NO_SPACE', message, {
      hint: 'free some space, e.g. with: xcache gc',
    });
  }
  return new XcacheError('XC_INTERNAL', message, { hint: 'the log of the service says more' });
}

/** Reads `Content-Length` frames; refuses a frame before it takes memory for it. */
class BoundedMessageReader extends AbstractMessageReader implements MessageReader {
  readonly #socket: Socket;
  readonly #messageBytesMax: number;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  /** Of the body that is arriving; undefined while a header is. */
  #bodyBytes: number | undefined;

  constructor(socket: Socket, messageBytesMax: number) {
    super();
    this.#socket = socket;
    this.#messageBytesMax = messageBytesMax;
  }

  listen(callback: DataCallback): Disposable {
    const onData = (chunk: Buffer): void => {
      try {
        this.#take(chunk, callback);
      } catch (error) {
        this.#socket.off('data', onData);
        this.fireError(error);
      }
    };
    this.#socket.on('data', onData);
    this.#socket.on('error', (error) => this.fireError(error));
    this.#socket.on('close', () => this.fireClose());
    return { dispose: () => void this.#socket.off('data', onData) };
  }

  #take(chunk: Buffer, callback: DataCallback): void {
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    for (;;) {
      if (this.#bodyBytes === undefined && !this.#takeHeader()) return;
      const bodyBytes = this.#bodyBytes;
      if (bodyBytes === undefined || this.#bufferedBytes < bodyBytes) return;
      const all = Buffer.concat(this.#chunks);
      this.#keep(all.subarray(bodyBytes));
      this.#bodyBytes = undefined;
      callback(JSON.parse(all.toString('utf8', 0, bodyBytes)) as Message);
    }
  }

  #takeHeader(): boolean {
    const all = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    if (all === undefined) return false;
    const end = all.subarray(0, headerBytesMax).indexOf('\r\n\r\n');
    if (end < 0) {
      if (all.length >= headerBytesMax) throw new Error('message header is too long');
      this.#keep(all);
      return false;
    }
    const match = /^content-length: *(\d{1,12})$/im.exec(all.toString('latin1', 0, end));
    const length = Number(match?.[1] ?? Number.NaN);
    if (!(length <= this.#messageBytesMax)) throw new Error('message is too long or has no length');
    this.#bodyBytes = length;
    this.#keep(all.subarray(end + 4));
    return true;
  }

  #keep(rest: Buffer): void {
    this.#chunks = [rest];
    this.#bufferedBytes = rest.length;
  }
}

/**
 * Never rejects: `sendRequest` would turn a rejection into an unhandled one beside its own. A socket
 * that cannot be written closes, and that rejects what is in flight.
 */
class SilentMessageWriter extends StreamMessageWriter {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super(socket);
    this.#socket = socket;
  }

  override async write(message: Message): Promise<void> {
    try {
      await super.write(message);
    } catch {
      this.#socket.destroy();
    }
  }
}
