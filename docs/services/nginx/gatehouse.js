// Checks Gatehouse's access tokens (RFC 9068, ES256) inside nginx, for njs 0.7 and later. See docs/services/nginx.md.
export default { authorize }

// What a DER public key on P-256 begins with (RFC 5480); the point follows.
const p256 = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex')
const skew = 30 // seconds

// authorize answers auth_request: 204 with who it is in headers, 401 for a bad token, 500 (nginx's word for "cannot tell") without keys.
async function authorize(r) {
  let keys
  try {
    const answer = await ngx.fetch(r.variables.gatehouse_keys, { max_response_body_size: 1048576 })
    if (answer.status !== 200) throw new Error(`status ${answer.status}`)
    keys = (await answer.json()).keys
  } catch (e) {
    r.error(`gatehouse: the keys cannot be read: ${e.message}`)
    r.return(500)
    return
  }
  try {
    const claims = await verified(r, keys)
    r.headersOut['X-Gatehouse-Subject'] = plain(claims.sub)
    r.headersOut['X-Gatehouse-Client'] = plain(claims.client_id)
    r.headersOut['X-Gatehouse-Organization'] = plain(claims.org_id || '')
    r.headersOut['X-Gatehouse-Role'] = plain(claims.org_role || '')
    r.headersOut['X-Gatehouse-Permissions'] = plain((claims.permissions || []).join(' '))
    r.return(204)
  } catch (e) {
    r.log(`gatehouse: ${e.message}`)
    r.return(401)
  }
}

async function verified(r, keys) {
  const found = (r.headersIn.Authorization || '').match(/^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/i)
  if (!found || found[0].length > 16384) throw new Error('no access token')
  const header = JSON.parse(Buffer.from(found[1], 'base64url').toString())
  if (header.typ !== 'at+jwt' || header.alg !== 'ES256' || header.crit) throw new Error('not an access token')
  const jwk = keys.filter((key) => key.kid === header.kid && key.kty === 'EC' && key.crv === 'P-256')[0]
  if (!jwk) throw new Error('not one of the published keys')
  const point = Buffer.concat([p256, Buffer.from([4]), Buffer.from(jwk.x, 'base64url'), Buffer.from(jwk.y, 'base64url')])
  const key = await crypto.subtle.importKey('spki', point, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify'])
  const signature = Buffer.from(found[3], 'base64url')
  const genuine = signature.length === 64 &&
    await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, signature, Buffer.from(`${found[1]}.${found[2]}`))
  if (!genuine) throw new Error('the signature is wrong')
  return checked(r, JSON.parse(Buffer.from(found[2], 'base64url').toString()))
}

function checked(r, claims) {
  const now = Date.now() / 1000
  const audience = [].concat(claims.aud)
  const organization = r.variables.gatehouse_organization
  if (claims.iss !== r.variables.gatehouse_issuer) throw new Error('another issuer')
  if (!audience.includes(r.variables.gatehouse_audience)) throw new Error('another audience')
  if (!(claims.exp + skew > now) || !(claims.iat - skew <= now)) throw new Error('expired, or not yet valid')
  if (organization && claims.org_id !== organization && claims.org_slug !== organization) throw new Error('another organization')
  return claims
}

// plain keeps a value from becoming two headers.
function plain(text) {
  return String(text).replace(/[^\x20-\x7e]/g, '')
}
