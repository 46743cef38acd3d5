// Pure. What the planner can ask for.
import type { RelKey } from './key.ts';

/**
 * One thing to do about one path. `content` of a put: 'send' it; 'compare' it with the row's checksum first and send
 * only what differs; 'adopt' the foreign object if its content is equal; 'stored': it is the row's, and only what goes
 * with it (extended attributes, links) is open. `from`: another key whose object is copied if its content is that of the
 * file. A proof before `notBeforeMs` (wall clock) proves nothing: the late request may still come.
 */
export type Action =
  | {
      readonly do: 'put-file';
      readonly content: 'send' | 'compare' | 'adopt' | 'stored';
      readonly from?: CopyFrom;
      readonly reason: string;
    }
  | { readonly do: 'put-symlink'; readonly reason: string }
  | { readonly do: 'put-marker'; readonly reason: string }
  | { readonly do: 'delete'; readonly target: KeyKind; readonly reason: string }
  | { readonly do: 'prove'; readonly target: KeyKind; readonly notBeforeMs: number }
  | { readonly do: 'expand' }
  | { readonly do: 'skip-special' };

/** The key that a renamed file had. `proven`: its stat alone shows that the content is the same; else it is read first. */
export interface CopyFrom {
  readonly key: RelKey;
  readonly proven: boolean;
}

/** A path has two keys: `path` for a file or symbolic link, `path/` for a directory marker. */
export type KeyKind = 'file' | 'marker';
