// Pure. Why one path could not be restored, by what follows from it.

/** Something on disk that is not ours to move occupies a name; S3's version is left alone and reported. */
export class BlockedError extends Error {
  override readonly name = 'BlockedError';
}

/** The path changed between the decision and its execution: decide again. */
export class ChangedError extends Error {
  override readonly name = 'ChangedError';
}
