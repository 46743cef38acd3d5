// Pure. Numbers and times for people, in a browser and in a terminal.

const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 4200 as '4.1 KiB'. @param {number} bytes */
export function showBytes(bytes) {
  let amount = bytes;
  let unit = 0;
  // 1023.95 would be shown as 1024.0.
  while (amount >= 1023.95 && unit < SIZE_UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(amount) : amount.toFixed(1)} ${SIZE_UNITS[unit]}`;
}

/** 0.012 as '12 ms', 75 as '1 min 15 s'. @param {number} seconds */
export function showSeconds(seconds) {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** How long ago, by whole seconds. @param {number} seconds */
export function showAge(seconds) {
  if (seconds < 1) return 'now';
  return `${seconds < 60 ? `${Math.floor(seconds)} s` : showSeconds(seconds)} ago`;
}

/** @param {number} count @param {string} one @param {string} [many] */
export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** In the reader's zone, with its age; the day only where it is another one. @param {string} iso @param {number} nowMs */
export function showTime(iso, nowMs) {
  const at = new Date(iso);
  const time = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  const isToday = at.toDateString() === new Date(nowMs).toDateString();
  const day = isToday ? '' : `${at.toLocaleDateString([], { month: 'short', day: 'numeric' })} `;
  return `${day}${time}, ${showAge((nowMs - at.getTime()) / 1000)}`;
}

/** Which awssyncer it is. @param {{readonly version: string, readonly commit: string | null}} of */
export function showBuild({ version, commit }) {
  return commit === null ? version : `${version} (${commit})`;
}
