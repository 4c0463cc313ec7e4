// A foreign client (npm oauth4webapi with default settings) for the end-to-end tests.
// Usage: node oauth4webapi-party.mjs PORT ISSUER CLIENT_ID CLIENT_SECRET KEY_FILE. Prints "ready" when it listens on 127.0.0.1.
// GET /        begins a sign-in with a pushed authorization request
// GET /callback exchanges the code, asks userinfo, refreshes, introspects, revokes, introspects again, and answers with all of it as JSON
// GET /keyed   gets a token as the client "keyed", which signs assertions with the PKCS #8 key of KEY_FILE
// GET /device  begins a device authorization and answers with it; GET /poll?device_code= asks once for its tokens
import fs from 'node:fs'
import http from 'node:http'
import * as oauth from 'oauth4webapi'

const [port, issuer, clientId, clientSecret, keyFile] = process.argv.slice(2)
const self = `http://127.0.0.1:${port}`
const insecure = { [oauth.allowInsecureRequests]: true } // the issuer is plain http on loopback
const url = new URL(issuer)
const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, insecure))
const client = { client_id: clientId }
const proof = oauth.ClientSecretBasic(clientSecret)
const trips = new Map()

const begin = async (response) => {
  const trip = { verifier: oauth.generateRandomCodeVerifier(), nonce: oauth.generateRandomNonce() }
  const state = oauth.generateRandomState()
  trips.set(state, trip)
  const parameters = new URLSearchParams({
    client_id: clientId, redirect_uri: `${self}/callback`, response_type: 'code', scope: 'openid profile email offline_access permissions', state, nonce: trip.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(trip.verifier), code_challenge_method: 'S256',
  })
  const pushed = await oauth.processPushedAuthorizationResponse(as, client, await oauth.pushedAuthorizationRequest(as, client, proof, parameters, insecure))
  const target = new URL(as.authorization_endpoint)
  target.search = new URLSearchParams({ client_id: clientId, request_uri: pushed.request_uri })
  response.writeHead(303, { location: target.href }).end()
}

const introspect = async (token) => {
  return oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, proof, token, insecure))
}

const finish = async (address) => {
  const state = address.searchParams.get('state')
  const { verifier, nonce } = trips.get(state)
  const answer = oauth.validateAuthResponse(as, client, address, state)
  const raw = await oauth.authorizationCodeGrantRequest(as, client, proof, answer, `${self}/callback`, verifier, insecure)
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, raw, { expectedNonce: nonce, requireIdToken: true })
  await oauth.validateApplicationLevelSignature(as, raw, insecure)
  const claims = oauth.getValidatedIdTokenClaims(tokens)
  const userinfo = await oauth.processUserInfoResponse(as, client, claims.sub, await oauth.userInfoRequest(as, client, tokens.access_token, insecure))
  const refreshed = await oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, proof, tokens.refresh_token, insecure))
  const before = await introspect(refreshed.access_token)
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, proof, refreshed.refresh_token, insecure))
  return { claims, userinfo, rotated: refreshed.refresh_token !== tokens.refresh_token, before, after: await introspect(refreshed.access_token) }
}

const keyed = async () => {
  const pem = fs.readFileSync(keyFile, 'utf8').replace(/-----[^-]+-----|\s/g, '')
  const key = await crypto.subtle.importKey('pkcs8', Buffer.from(pem, 'base64'), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
  const own = { client_id: 'keyed' }
  const raw = await oauth.clientCredentialsGrantRequest(as, own, oauth.PrivateKeyJwt({ key, kid: 'one' }), new URLSearchParams(), insecure)
  return oauth.processClientCredentialsResponse(as, own, raw)
}

const device = async () => {
  const raw = await oauth.deviceAuthorizationRequest(as, client, proof, new URLSearchParams({ scope: 'openid offline_access' }), insecure)
  return oauth.processDeviceAuthorizationResponse(as, client, raw)
}

const poll = async (code) => {
  try {
    return await oauth.processDeviceCodeResponse(as, client, await oauth.deviceCodeGrantRequest(as, client, proof, code, insecure))
  } catch (error) {
    if (error instanceof oauth.ResponseBodyError) return { error: error.error }
    throw error
  }
}

http.createServer(async (request, response) => {
  const address = new URL(request.url, self)
  const pages = { '/callback': () => finish(address), '/keyed': keyed, '/device': device, '/poll': () => poll(address.searchParams.get('device_code')) }
  try {
    if (address.pathname === '/') return await begin(response)
    const answer = await pages[address.pathname]()
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  } catch (error) {
    response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify({ error: String(error), cause: JSON.stringify(error.cause ?? '') }))
  }
}).listen(Number(port), '127.0.0.1', () => console.log('ready'))
