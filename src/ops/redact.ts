// Pure. Keeps secrets out of what is printed, wherever they come from.

const SECRET_VARIABLES = ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_CONTAINER_AUTHORIZATION_TOKEN'];

/** Shorter values are placeholders of test servers, and would blot out innocent words. */
const SHORTEST_SECRET = 8;

/** What a signed request carries in its headers or its query. */
const SIGNED = /\b(Signature=|X-Amz-Signature=|X-Amz-Security-Token[=:]\s?)[^&\s,"]+/gi;

/**
 * A function that blots out credentials in a text: the values of the AWS SDK's secret variables, and signatures and
 * session tokens of requests.
 */
export function redactor(env: Readonly<Record<string, string | undefined>>): (text: string) => string {
  const secrets = SECRET_VARIABLES.flatMap((name) => env[name] ?? []).filter(
    (value) => value.length >= SHORTEST_SECRET,
  );
  return (text) => secrets.reduce((safe, secret) => safe.replaceAll(secret, '***'), text).replace(SIGNED, '$1***');
}
