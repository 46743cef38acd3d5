// Pure. What the planner can ask for.

/**
 * One thing to do about one path. `content` of a put: 'send' it; 'compare' it with the row's checksum first and send
 * only what differs; 'adopt' the foreign object if its content is equal. A proof before `notBeforeMs` (wall clock) proves
 * nothing: the late request may still come.
 */
export type Action =
  | { readonly do: 'put-file'; readonly content: 'send' | 'compare' | 'adopt'; readonly reason: string }
  | { readonly do: 'put-symlink'; readonly reason: string }
  | { readonly do: 'put-marker'; readonly reason: string }
  | { readonly do: 'delete'; readonly target: KeyKind; readonly reason: string }
  | { readonly do: 'prove'; readonly target: KeyKind; readonly notBeforeMs: number }
  | { readonly do: 'expand' }
  | { readonly do: 'skip-special' };

/** A path has two keys: `path` for a file or symbolic link, `path/` for a directory marker. */
export type KeyKind = 'file' | 'marker';
