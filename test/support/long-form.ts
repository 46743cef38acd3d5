// Sizes that a full run of all tests cannot afford: AWSSYNCER_TEST_LONG=1 asks for them, best with
// AWSSYNCER_TEST_STUCK_S=900, since what is large also takes long to settle.

/** The first, or in the long form the second. */
export function sized(short: number, long: number): number {
  return process.env['AWSSYNCER_TEST_LONG'] === '1' ? long : short;
}
