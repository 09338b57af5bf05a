// An unmodified client of the Model Context Protocol, which finds by itself where to get a token for a server. The first line of standard
// input is `{ url, redirect, tool, further, client }`: the server, where the provider returns to, a tool, perhaps one that needs a further
// scope, and `{ client_id, issuer }` if the provider knows the client (otherwise it registers, for the scopes that it needs first). It answers
// `{ authorize }`, the page to sign in at, takes `{ callback }`, the URL that the provider returned to, and answers
// `{ tools, text, scope }`. Then, with `further`, the same once more for that tool. A failure is `{ failed }`.

import { createInterface } from 'node:readline';
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';

const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => JSON.parse((await lines.next()).value);
const { url, redirect, tool, further, client: known } = await read();

const kept = { client: known };
const person = {
  redirectUrl: redirect,
  clientMetadata: {
    client_name: 'tests',
    redirect_uris: [redirect],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  },
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  redirectToAuthorization: (page) => { kept.page = page; },
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  codeVerifier: () => kept.verifier,
  saveDiscoveryState: (state) => { kept.discovery = state; },
  discoveryState: () => kept.discovery,
};

function connect() {
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: person });
  const client = new Client({ name: 'tests', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  return { client, transport };
}

/// Does what needs a token, and signs in when the client asks for that.
async function signInFor(transport, action) {
  kept.page = undefined;
  try {
    await action();
    throw new Error('a token was not asked for');
  } catch (error) {
    if (!kept.page || !(error instanceof UnauthorizedError || error.cause instanceof UnauthorizedError)) throw error;
  }
  answer({ authorize: kept.page.href });
  const { callback } = await read();
  await transport.finishAuth(new URL(callback).searchParams);
}

try {
  const first = connect();
  await signInFor(first.transport, () => first.client.connect(first.transport));
  const { client, transport } = connect();
  await client.connect(transport);
  const { tools } = await client.listTools();
  const called = await client.callTool({ name: tool, arguments: {} });
  answer({ tools: tools.map(({ name }) => name), text: called.content[0].text, scope: kept.tokens.scope });
  if (further) {
    const call = () => client.callTool({ name: further, arguments: {} });
    await signInFor(transport, call);
    answer({ text: (await call()).content[0].text, scope: kept.tokens.scope });
  }
  await client.close();
} catch (error) {
  answer({ failed: `${error.stack}`, cause: `${error.cause?.stack}` });
}
process.exit(0);
