/** What each request may carry. Everything that arrives on the control socket passes through here. */
import * as v from 'valibot';
import { XcacheError } from '../../base/errors.js';
import type { ControlMethod, ControlMethods } from './protocol.js';

const text = v.pipe(
  v.string(),
  v.maxLength(4096),
  v.check((value) => !value.includes('\0'), 'NUL'),
);
const directory = v.pipe(text, v.startsWith('/', 'not an absolute path'));
const amount = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const viewId = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}(?:\.aside-\d+)?$/, 'no id of a view'));
const nothing = v.strictObject({});

const schemas: { readonly [M in ControlMethod]: v.GenericSchema } = {
  hello: v.object({ protocolVersion: amount }),
  mount: v.strictObject({
    directory,
    driver: v.exactOptional(v.picklist(['direct', 'fuse-native'])),
    mode: v.exactOptional(v.picklist(['fast', 'safe'])),
  }),
  unmount: v.strictObject({ directory, materialize: v.boolean() }),
  autoMount: v.strictObject({ enabled: v.boolean() }),
  materialize: v.strictObject({ view: viewId, directory }),
  status: nothing,
  watch: nothing,
  stats: nothing,
  units: nothing,
  reject: v.strictObject({ package: text, allVersions: v.boolean(), undo: v.boolean() }),
  explain: v.strictObject({
    unit: v.exactOptional(text),
    directory: v.exactOptional(directory),
    all: v.exactOptional(v.boolean()),
  }),
  verify: v.strictObject({ repair: v.boolean() }),
  gc: v.strictObject({
    maxSizeBytes: v.exactOptional(amount),
    maxAgeMs: v.exactOptional(amount),
    dryRun: v.boolean(),
  }),
  views: v.strictObject({ view: v.exactOptional(viewId), withSizes: v.boolean() }),
  forget: v.strictObject({ view: viewId }),
  shutdown: nothing,
};

/** Whether `name` is a method of the protocol. */
export function isControlMethod(name: string): name is ControlMethod {
  return Object.hasOwn(schemas, name);
}

/** The parameters of `method`, checked. Throws `XC_USAGE` naming the field that is wrong. */
export function parseControlParams<M extends ControlMethod>(
  method: M,
  params: unknown,
): ControlMethods[M]['params'] {
  const outcome = v.safeParse(schemas[method], params);
  if (outcome.success) return outcome.output as ControlMethods[M]['params'];
  const issue = outcome.issues[0];
  const field = v.getDotPath(issue) ?? 'parameters';
  throw new XcacheError('XC_USAGE', `${method}: ${field}: ${issue.message}`);
}
