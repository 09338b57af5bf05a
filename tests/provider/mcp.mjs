// An unmodified client of the Model Context Protocol, which finds by itself where to get a token for a server. The first line of standard
// input is `{ url, redirect, pin }`: the server, and where the provider returns to. It answers `{ authorize }`, the page to sign in at,
// takes `{ callback }`, the URL that the provider returned to, and answers `{ tools, text }`. A failure is `{ failed }`.

import { createInterface } from 'node:readline';
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';

const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => JSON.parse((await lines.next()).value);
const { url, redirect } = await read();

const kept = {};
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

try {
  const first = connect();
  try {
    await first.client.connect(first.transport);
    throw new Error('a token was not asked for');
  } catch (error) {
    if (!kept.page || !(error instanceof UnauthorizedError || error.cause instanceof UnauthorizedError)) throw error;
  }
  answer({ authorize: kept.page.href });
  const { callback } = await read();
  await first.transport.finishAuth(new URL(callback).searchParams);
  const { client, transport } = connect();
  await client.connect(transport);
  const { tools } = await client.listTools();
  const called = await client.callTool({ name: 'orders', arguments: {} });
  answer({ tools: tools.map(({ name }) => name), text: called.content[0].text, scope: kept.tokens.scope });
  await client.close();
} catch (error) {
  answer({ failed: `${error.stack}`, cause: `${error.cause?.stack}` });
}
process.exit(0);
