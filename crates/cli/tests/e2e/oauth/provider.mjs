// An identity provider: the OpenID-certified `oidc-provider`, for machine-to-machine tokens. Arguments: folder of the
// packages, port, name of its key. Beside it, /forge signs whatever it is given, for tokens that no provider would make.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const [modules, port, kid] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { Provider } = require('oidc-provider');
const jose = require('jose');

const issuer = `http://127.0.0.1:${port}`;
const { privateKey } = await jose.generateKeyPair('RS256', { extractable: true });
const stranger = await jose.generateKeyPair('RS256', { extractable: true });
const jwk = { ...(await jose.exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' };
const scope = ['read', 'sensitive', 'write', 'delete'].flatMap((word) => [`trainyard:${word}`, `ec2:${word}`]).join(' ');

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'agent',
    client_secret: 'a-secret-of-the-tests',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: 'client_secret_post',
  }],
  jwks: { keys: [jwk] },
  scopes: scope.split(' '),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({
        audience: resource,
        scope,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 600,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});

async function forge(request, response) {
  let body = '';
  for await (const part of request) body += part;
  const { header, claims, secret, foreign } = JSON.parse(body);
  const key = secret ? new TextEncoder().encode(secret) : foreign ? stranger.privateKey : privateKey;
  const protectedHeader = { alg: 'RS256', kid, typ: 'at+jwt', ...header };
  const token = protectedHeader.alg === 'none'
    ? [protectedHeader, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.') + '.'
    : await new jose.SignJWT(claims).setProtectedHeader(protectedHeader).sign(key);
  response.end(JSON.stringify({ token }));
}

const answer = provider.callback();
createServer((request, response) => (request.url === '/forge' ? forge(request, response) : answer(request, response)))
  .listen(Number(port), '127.0.0.1', () => console.error(`listening at ${issuer}/`));
