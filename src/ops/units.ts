// Pure. Numbers with their units, for people.

const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 4200 as '4.1 KiB'. */
export function showBytes(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  // 1023.95 would be shown as 1024.0.
  while (amount >= 1023.95 && unit < SIZE_UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${SIZE_UNITS[unit]}`;
}

/** 12 as '12 ms', 1234 as '1.2 s', 75000 as '1 min 15 s'. */
export function showMs(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}
