/**
 * What passes between the main thread and the thread that serves the per-user mount. Views are
 * named by the path of their workspace.
 */
import type {
  ResolveAnswer,
  ResolveQuestion,
  CommandMessage,
  ViewMessage,
} from './view-messages.js';

export type TreeQuestion =
  /** Somebody enters the view; `isNew`: it is to be made where it is not known. */
  | { readonly kind: 'open'; readonly workspace: string; readonly isNew: boolean }
  | {
      readonly kind: 'resolve';
      readonly workspace: string;
      readonly question: ResolveQuestion;
    };

/** Where the files of a view are. */
export interface OpenedView {
  readonly kind: 'opened';
  readonly upperDirectory: string;
  readonly journalPath: string;
}

export type TreeAnswer = OpenedView | { readonly kind: 'unknown' } | ResolveAnswer;

/** From the serving thread. */
export type TreeMessage =
  | { readonly kind: 'ask'; readonly sequence: number; readonly question: TreeQuestion }
  | {
      readonly kind: 'view';
      readonly workspace: string;
      readonly message: Exclude<ViewMessage, { kind: 'ask' }>;
    }
  /** The view's directory was removed after its content. */
  | { readonly kind: 'removed'; readonly workspace: string }
  /** The view could not be opened, or has been closed as asked. */
  | { readonly kind: 'closed'; readonly workspace: string; readonly error: string | undefined }
  | { readonly kind: 'log'; readonly level: 'warn' | 'error'; readonly message: string };

/** To the serving thread. */
export type TreeCommand =
  | { readonly kind: 'call'; readonly workspace: string; readonly message: CommandMessage }
  | { readonly kind: 'close'; readonly workspace: string };
