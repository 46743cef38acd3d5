// S3 lists keys in the order of their bytes. fauxqs sorts them as words of a language ("a", "B", "c") but cuts its pages
// by code units, and so drops keys between two pages. One order for both; its process sorts nothing else.
Object.defineProperty(String.prototype, 'localeCompare', {
  value(this: string, other: string): number {
    return this < other ? -1 : Number(this > other);
  },
});
