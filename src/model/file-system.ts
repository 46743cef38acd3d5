// Pure. Which file systems live on another machine.

/** Magic numbers of statfs(2), from linux/magic.h and the file systems' own headers. */
const REMOTE: ReadonlyMap<bigint, string> = new Map([
  [0x6969n, 'NFS'],
  [0x517bn, 'SMB'],
  [0xff534d42n, 'CIFS'],
  [0xfe534d42n, 'SMB2'],
  [0x65735546n, 'FUSE'],
  [0x01021997n, '9P'],
  [0x00c36400n, 'Ceph'],
  [0x0bd00bd0n, 'Lustre'],
  [0x5346414fn, 'AFS'],
  [0x73757245n, 'Coda'],
  [0x47504653n, 'GPFS'],
]);

/**
 * The name of the network file system that has this statfs(2) type, or undefined for a local one. FUSE counts as
 * remote: what is behind it is unknown, and neither locks nor change events can be relied on.
 */
export function remoteFileSystem(type: bigint): string | undefined {
  return REMOTE.get(BigInt.asUintN(32, type));
}
