// Performs operations as fast as it can, in a thread of its own.
import { parentPort, workerData } from 'node:worker_threads';
import { type Operation, operate } from './tree-operations.ts';

const { root, operations } = workerData as { root: string; operations: Operation[] };
for (const operation of operations) operate(root, operation);
parentPort?.postMessage('done');
