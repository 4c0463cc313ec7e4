package redisdb

import "github.com/redis/go-redis/v9"

// Fields of an entry: v value, x expiry in Unix milliseconds, n version, i indexes as JSON, c when created.
// ARGV of create and replace: 1 now, 2 expiry, 3 value, 4 indexes, 5 time to live, 6 id; replace: 7 the version it expects.
var (
	createScript = redis.NewScript(`
local expires = redis.call('HGET', KEYS[1], 'x')
if expires and tonumber(expires) > tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'v', ARGV[3], 'x', ARGV[2], 'n', 1, 'i', ARGV[4], 'c', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
for k = 2, #KEYS do
  redis.call('ZADD', KEYS[k], ARGV[1], ARGV[6])
  if redis.call('PTTL', KEYS[k]) < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[k], ARGV[5]) end
end
return 1`)

	replaceScript = redis.NewScript(`
local old = redis.call('HMGET', KEYS[1], 'x', 'n', 'c')
if not old[1] or tonumber(old[1]) <= tonumber(ARGV[1]) then return -1 end
if old[2] ~= ARGV[7] then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[3], 'x', ARGV[2], 'n', tonumber(old[2]) + 1, 'i', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
for k = 2, #KEYS do
  redis.call('ZADD', KEYS[k], old[3], ARGV[6])
  if redis.call('PTTL', KEYS[k]) < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[k], ARGV[5]) end
end
return 1`)

	takeScript = redis.NewScript(`
local entry = redis.call('HMGET', KEYS[1], 'v', 'x', 'n', 'i')
redis.call('DEL', KEYS[1])
return entry`)

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
