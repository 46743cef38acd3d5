// The whole of undici takes three times as long to load as the part that is used.
declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici';
  export default Pool;
}
