// A real OpenID provider on a free port of the loopback interface. The first line of standard input is its setup, each further line a
// command; each is one JSON object, and so is each answer on standard output. It ends when standard input is closed.
//
// Setup: `clients` (metadata of RFC 7591 and more, as the provider takes it), `resources` (identifier -> `{ scope, format, ttl }`),
// `accounts` (subject -> claims; any subject may sign in), `ttl` (seconds for each kind of token), `features` (merged into those below).
// Commands: `{"do":"rotate keys"}`, `{"do":"withdraw keys"}`, `{"do":"counts"}`, `{"do":"accept no calls"}`, `{"do":"accept calls"}`.

import { generateKeyPairSync, randomUUID, X509Certificate } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { createLocalJWKSet, jwtVerify } from 'jose';

// Standard output is for answers only. The provider warns about what only a test may do as soon as it is loaded.
console.info = console.warn = console.log = () => {};
const { default: Provider, errors, interactionPolicy } = await import('oidc-provider');
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

function newKeys() {
  const key = (pair, alg) => ({ ...pair.privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: randomUUID() });
  return [
    key(generateKeyPairSync('rsa', { modulusLength: 2048 }), 'RS256'),
    key(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ES256'),
    key(generateKeyPairSync('ed25519'), 'EdDSA'),
  ];
}

const publicHalf = ({ d, p, q, dp, dq, qi, ...rest }) => rest;

// Who acts for the subject of a token that was exchanged (RFC 8693 §4.1), by the token's id.
const actors = new WeakMap();

// RFC 8693: the caller's token is exchanged for one of a resource, and says that the client acts.
function tokenExchange(provider, keys, resourceServer) {
  return async (ctx) => {
    const { client, params } = ctx.oidc;
    if (params.subject_token_type !== ACCESS_TOKEN) throw new errors.InvalidRequest('subject_token_type');
    let subject;
    if (params.subject_token.split('.').length === 3) {
      const known = createLocalJWKSet({ keys: keys.map(publicHalf) });
      const options = { issuer: provider.issuer, typ: 'at+jwt' };
      const verified = await jwtVerify(params.subject_token, known, options).catch(() => undefined);
      subject = verified && { accountId: verified.payload.sub, scope: verified.payload.scope };
    } else {
      subject = await provider.AccessToken.find(params.subject_token);
    }
    if (!subject) throw new errors.InvalidGrant('subject_token');
    const token = new provider.AccessToken({ accountId: subject.accountId, client, scope: params.scope ?? subject.scope });
    token.gty = TOKEN_EXCHANGE;
    if (params.resource) {
      token.resourceServer = new provider.ResourceServer(params.resource, resourceServer(params.resource));
    }
    actors.set(token, { sub: client.clientId });
    const value = await token.save();
    ctx.body = {
      access_token: value,
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: token.expiration,
      scope: token.scope,
    };
  };
}

// A login that is weaker than the application asks for is not enough (RFC 9470 §5).
function loginPolicy() {
  const policy = interactionPolicy.base();
  const isWeaker = ({ oidc: { params, session } }) => !(params.acr_values?.split(' ').includes(session.acr) ?? true);
  policy.get('login').checks.add(new interactionPolicy.Check('acr_values', 'a stronger login is demanded', isWeaker));
  return policy;
}

function newProvider(issuer, setup, keys) {
  const resourceServer = (identifier) => {
    const resource = setup.resources?.[identifier];
    if (!resource) throw new errors.InvalidTarget();
    const { scope = '', format = 'jwt', ttl, algorithm = 'RS256' } = resource;
    const jwt = format === 'jwt' ? { sign: { alg: algorithm } } : undefined;
    return { scope, audience: identifier, accessTokenFormat: format, accessTokenTTL: ttl, jwt };
  };
  const provider = new Provider(issuer, {
    clients: setup.clients ?? [],
    jwks: { keys },
    cookies: { keys: [setup.secret] },
    claims: { openid: ['sub', 'roles'], email: ['email', 'email_verified'], profile: ['name'], acr: null, auth_time: null },
    acrValues: ['urn:example:password', 'phr'],
    scopes: ['openid', 'offline_access', ...(setup.scopes ?? [])],
    conformIdTokenClaims: false,
    findAccount: (_, subject) => ({
      accountId: subject,
      claims: () => ({ sub: subject, name: subject, ...setup.accounts?.[subject] }),
    }),
    extraTokenClaims: ({ oidc }, token) => {
      const claims = { ...setup.accounts?.[token.accountId] };
      if (actors.has(token)) claims.act = actors.get(token);
      // RFC 9470 §6.1.
      const { acr, authTime } = oidc.entities.AuthorizationCode ?? {};
      return { ...claims, acr, auth_time: authTime };
    },
    interactions: { policy: loginPolicy() },
    ttl: {
      AccessToken: 300, AuthorizationCode: 60, ClientCredentials: 300, Grant: 3600, IdToken: 300, Interaction: 600, RefreshToken: 3600,
      Session: 3600, ...setup.ttl,
    },
    clientBasedCORS: () => true,
    extraClientMetadata: { properties: [] },
    // The provider refuses to call the loopback interface, where the receivers of logout tokens are in a test.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    pkce: { required: () => setup.pkce ?? true },
    rotateRefreshToken: true,
    enabledJWA: { dPoPSigningAlgValues: ['ES256', 'EdDSA'] },
    features: {
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      dPoP: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        // The tests send over plain HTTP, so the certificate is in a header, as behind a proxy.
        getCertificate: (ctx) => ctx.get('x-certificate') && new X509Certificate(Buffer.from(ctx.get('x-certificate'), 'base64')),
      },
      pushedAuthorizationRequests: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => setup.default_resource,
        getResourceServerInfo: (_, identifier) => resourceServer(identifier),
        useGrantedResource: () => true,
      },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      ...setup.features,
    },
  });
  // The forms of the provider know no strength of a login: it is as strong as the application asks.
  const finish = provider.interactionFinished.bind(provider);
  provider.interactionFinished = async (request, response, result, options) => {
    const { params } = await provider.interactionDetails(request, response);
    if (result.login) result.login.acr = params.acr_values?.split(' ')[0] ?? 'urn:example:password';
    return finish(request, response, result, options);
  };
  provider.on('server_error', (_, error) => console.error(error));
  const parameters = ['subject_token', 'subject_token_type', 'requested_token_type', 'resource', 'audience', 'scope'];
  provider.registerGrantType(TOKEN_EXCHANGE, tokenExchange(provider, keys, resourceServer), parameters);
  return provider;
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const setup = { secret: randomUUID(), ...JSON.parse((await lines.next()).value) };

let handle;
let accepts = true;
const counts = {};
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://provider');
  const call = `${request.method} ${pathname}`;
  counts[call] = (counts[call] ?? 0) + 1;
  if (accepts) handle(request, response);
  else request.socket.destroy();
});
await new Promise((listening) => { server.listen(0, '127.0.0.1', listening); });
const issuer = `http://127.0.0.1:${server.address().port}`;
let keys = newKeys();
const start = () => { handle = newProvider(issuer, setup, keys).callback(); };
start();
answer({ issuer });

const commands = {
  // New keys sign, and those of before stay public.
  'rotate keys': () => { keys = [...newKeys(), ...keys]; start(); },
  // Those of before are no longer public.
  'withdraw keys': () => { keys = keys.slice(0, 3); start(); },
  'accept no calls': () => { accepts = false; },
  'accept calls': () => { accepts = true; },
  counts: () => {},
};
for await (const line of lines) {
  const { do: name } = JSON.parse(line);
  commands[name]();
  answer({ done: name, counts });
}
process.exit(0);
