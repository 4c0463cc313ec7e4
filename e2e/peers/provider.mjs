// A foreign OpenID provider (npm oidc-provider) for the end-to-end tests.
// Usage: node provider.mjs PORT CLIENT_ID CLIENT_SECRET REDIRECT_URI. Prints "ready" when it listens on 127.0.0.1.
import Provider from 'oidc-provider'

const [port, clientId, clientSecret, redirectUri] = process.argv.slice(2)

// Any login name works; the account's e-mail is derived from it. "unverified-…" has an address that nobody checked.
const findAccount = (_ctx, id) => ({
  accountId: id,
  claims: () => ({
    sub: id,
    email: `${id}@upstream.example`,
    email_verified: !id.startsWith('unverified-'),
    given_name: 'Foreign',
    family_name: 'Person',
    preferred_username: id,
  }),
})

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['given_name', 'family_name', 'preferred_username'] },
  cookies: { keys: ['not-a-secret-test-only'] },
  features: { devInteractions: { enabled: true } },
  findAccount,
})

provider.listen(Number(port), '127.0.0.1', () => console.log('ready'))
