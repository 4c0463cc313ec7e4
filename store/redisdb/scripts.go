package redisdb

import "github.com/redis/go-redis/v9"

// Fields of an entry: v value, x expiry in Unix milliseconds, n version, i indexes as a JSON list, c when created.
// ARGV of create and replace: 1 now, 2 expiry, 3 value, 4 indexes, 5 time to live, 6 id; replace: 7 the version it expects.
// KEYS: the entry, then its indexes.
var (
	// Returns nothing if the key is taken, else 1 and how large each index is now.
	createScript = redis.NewScript(`
local expires = redis.call('HGET', KEYS[1], 'x')
if expires and tonumber(expires) > tonumber(ARGV[1]) then return {} end
if expires then redis.call('DEL', KEYS[1]) end -- only then: a server without room refuses no script that has already written
redis.call('HSET', KEYS[1], 'v', ARGV[3], 'x', ARGV[2], 'n', 1, 'i', ARGV[4], 'c', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
local sizes = {1}
for k = 2, #KEYS do
  redis.call('ZADD', KEYS[k], ARGV[1], ARGV[6])
  if redis.call('PTTL', KEYS[k]) < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[k], ARGV[5]) end
  sizes[k] = redis.call('ZCARD', KEYS[k])
end
return sizes`)

	// Returns nothing if there is no entry, else whether it was written and the indexes that it had.
	replaceScript = redis.NewScript(`
local old = redis.call('HMGET', KEYS[1], 'x', 'n', 'c', 'i')
if not old[1] or tonumber(old[1]) <= tonumber(ARGV[1]) then return {} end
if old[2] ~= ARGV[7] then return {0, ''} end
redis.call('HSET', KEYS[1], 'v', ARGV[3], 'x', ARGV[2], 'n', tonumber(old[2]) + 1, 'i', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
for k = 2, #KEYS do
  redis.call('ZADD', KEYS[k], old[3], ARGV[6])
  if redis.call('PTTL', KEYS[k]) < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[k], ARGV[5]) end
end
return {1, old[4]}`)

	takeScript = redis.NewScript(`
local entry = redis.call('HMGET', KEYS[1], 'v', 'x', 'n', 'i')
redis.call('DEL', KEYS[1])
return entry`)

	// ARGV: 1 id, 2 now, then the names of the indexes.
	unindexScript = redis.NewScript(`
local entry = redis.call('HMGET', KEYS[1], 'x', 'i')
local carried = {}
if entry[1] and tonumber(entry[1]) > tonumber(ARGV[2]) then
  for _, name in ipairs(cjson.decode(entry[2])) do carried[name] = true end
end
for k = 2, #KEYS do
  if not carried[ARGV[k + 1]] then redis.call('ZREM', KEYS[k], ARGV[1]) end
end
return 1`)

	// ARGV: 1 now, 2 end of a window that begins now, 3 time to live. Fields: n count, x end of the window.
	hitScript = redis.NewScript(`
local ends = redis.call('HGET', KEYS[1], 'x')
if not ends or tonumber(ends) <= tonumber(ARGV[1]) then
  ends = ARGV[2]
  redis.call('HSET', KEYS[1], 'n', 0, 'x', ends)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return {redis.call('HINCRBY', KEYS[1], 'n', 1), tonumber(ends)}`)
)
