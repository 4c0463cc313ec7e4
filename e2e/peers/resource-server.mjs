// A foreign resource server (npm oauth4webapi with default settings) for the end-to-end tests.
// Usage: node resource-server.mjs PORT ISSUER AUDIENCE. Prints "ready" when it listens on 127.0.0.1.
// Any request is answered with the claims of its access token, or 401 with the reason.
import http from 'node:http'
import * as oauth from 'oauth4webapi'

const [port, issuer, audience] = process.argv.slice(2)
const insecure = { [oauth.allowInsecureRequests]: true } // the issuer is plain http on loopback
const server = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), insecure))

http.createServer(async (request, response) => {
  const incoming = new Request(`http://127.0.0.1:${port}${request.url}`, { method: request.method, headers: request.headers })
  try {
    const claims = await oauth.validateJwtAccessToken(server, incoming, audience, insecure)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(claims))
  } catch (error) {
    response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ error: String(error), cause: String(error.cause ?? '') }))
  }
}).listen(Number(port), '127.0.0.1', () => console.log('ready'))
