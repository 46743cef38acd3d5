// Where an agent listens: a socket in its state directory, however long the path of that is.
import { closeSync, constants, openSync } from 'node:fs';

const SOCKET_FILE = 'control.sock';

/** A way to the socket, while it is open. */
export interface SocketWay {
  /** To bind to and to connect to. */
  readonly path: string;
  close(): void;
}

/**
 * Opens the directory and reaches the socket through its descriptor: a socket's path has at most 107 bytes (unix(7)).
 *
 * @throws the system error if there is no such directory
 */
export function openSocketWay(directory: string): SocketWay {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${fd}/${SOCKET_FILE}`, close: () => closeSync(fd) };
}
