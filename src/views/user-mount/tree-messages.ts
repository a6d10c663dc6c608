/**
 * What passes between the main thread and the thread that serves the per-user mount. A view is
 * entered by the path of its workspace and named by the number of that opening: after it was removed
 * and made again, what was on the way for the old one must not reach the new one.
 */
import type {
  ResolveAnswer,
  ResolveQuestion,
  CommandMessage,
  ViewMessage,
} from '../serving/view-messages.js';

export type TreeQuestion =
  /** Somebody enters the view; `isNew`: it is to be made where it is not known. */
  | { readonly kind: 'open'; readonly workspace: string; readonly isNew: boolean }
  | {
      readonly kind: 'resolve';
      readonly opening: number;
      readonly question: ResolveQuestion;
    };

/** Where the files of a view are. */
export interface OpenedView {
  readonly kind: 'opened';
  /** Names this opening of the view from now on, on both sides. */
  readonly opening: number;
  readonly upperDirectory: string;
  readonly journalPath: string;
}

export type TreeAnswer = OpenedView | { readonly kind: 'unknown' } | ResolveAnswer;

/** From the serving thread. */
export type TreeMessage =
  | { readonly kind: 'ask'; readonly sequence: number; readonly question: TreeQuestion }
  | {
      readonly kind: 'view';
      readonly opening: number;
      readonly message: Exclude<ViewMessage, { kind: 'ask' }>;
    }
  /** The view's directory was removed after its content. */
  | { readonly kind: 'removed'; readonly opening: number }
  /** The view could not be opened, or has been closed as asked. */
  | { readonly kind: 'closed'; readonly opening: number; readonly error: string | undefined }
  | { readonly kind: 'log'; readonly level: 'warn' | 'error'; readonly message: string };

/** To the serving thread. */
export type TreeCommand =
  | { readonly kind: 'call'; readonly opening: number; readonly message: CommandMessage }
  | { readonly kind: 'close'; readonly opening: number };
