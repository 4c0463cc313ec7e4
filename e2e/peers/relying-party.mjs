// A foreign relying party (npm openid-client with default settings) for the end-to-end tests.
// Usage: node relying-party.mjs PORT ISSUER CLIENT_ID CLIENT_SECRET. Prints "ready" when it listens on 127.0.0.1.
// GET / begins a sign-in; GET /callback exchanges the code, refreshes, asks userinfo, and answers with all of it as JSON.
import http from 'node:http'
import * as oidc from 'openid-client'

const [port, issuer, clientId, clientSecret] = process.argv.slice(2)
const self = `http://127.0.0.1:${port}`
const config = await oidc.discovery(new URL(issuer), clientId, clientSecret, undefined, {
  execute: [oidc.allowInsecureRequests], // the issuer is plain http on loopback
})
const trips = new Map()

const begin = async (response) => {
  const verifier = oidc.randomPKCECodeVerifier()
  const state = oidc.randomState()
  const nonce = oidc.randomNonce()
  trips.set(state, { verifier, nonce })
  const target = oidc.buildAuthorizationUrl(config, {
    redirect_uri: `${self}/callback`,
    scope: 'openid profile email offline_access permissions',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  })
  response.writeHead(303, { location: target.href }).end()
}

const finish = async (url, response) => {
  const state = url.searchParams.get('state')
  const { verifier, nonce } = trips.get(state)
  const tokens = await oidc.authorizationCodeGrant(config, url, {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
  })
  const claims = tokens.claims()
  const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token)
  const userinfo = await oidc.fetchUserInfo(config, refreshed.access_token, claims.sub)
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ claims, userinfo, rotated: refreshed.refresh_token !== tokens.refresh_token, scope: refreshed.scope, refresh_token: refreshed.refresh_token }))
}

http.createServer((request, response) => {
  const url = new URL(request.url, self)
  const page = url.pathname === '/' ? begin(response) : url.pathname === '/callback' ? finish(url, response) : Promise.reject(new Error('no such page'))
  page.catch((error) => {
    response.writeHead(500, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: String(error), cause: String(error.cause ?? ''), code: error.code }))
  })
}).listen(Number(port), '127.0.0.1', () => console.log('ready'))
