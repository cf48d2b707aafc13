#!lua flags=allow-oom
-- Notes what came of an attempt. That an endpoint heard holds whoever says it; anything else only from the latest attempt.
-- KEYS[1] is the installation's root.
-- @include delivery
--
-- ARGV  2 id · 3 number of the attempt · 4 DELIVERED, DEAD or RETRY · 5 why it is given up, or milliseconds until the next
--       attempt, or '' · 6 the attempt, the inside of a JSON object
-- Gives 1, or 0 when that is decided, or another attempt counts by now
-- Cost  O(log n)

local LONGEST_MS, FIRST_MS = 300000, 5000

local id, attempt, outcome = ARGV[2], ARGV[3], ARGV[4]
local delivery = key('delivery', id)
local facts = call('HMGET', delivery, 'wh', 'st', 'att', 'n')
local uid = facts[1]
if not uid or facts[2] ~= 'PENDING' then return 0 end
if outcome ~= 'DELIVERED' and facts[3] ~= attempt then return 0 end

call('HSET', delivery, 'l' .. tonumber(attempt) % 10, '{"number":' .. attempt .. ',"endMs":' .. now_text .. ',' .. ARGV[6] .. '}')
call('HDEL', delivery, 'held')
local webhook = key('webhook', uid)
if outcome == 'DELIVERED' then
  if tonumber(call('HGET', webhook, 'failures') or 0) >= DOWN then call('HSET', webhook, 'wake', '1') end
  call('HSET', webhook, 'failures', 0, 'ok', now_text)
  call('HDEL', webhook, 'next')
  end_delivery(uid, id, 'DELIVERED')
  return 1
end
local failures = call('HINCRBY', webhook, 'failures', 1)
if failures >= DOWN then
  call('HSET', webhook, 'next', ms(now + math.min(LONGEST_MS, FIRST_MS * 2 ^ math.min(failures - DOWN, 20))))
end
if outcome == 'DEAD' then
  end_delivery(uid, id, 'DEAD', ARGV[5])
else
  call('ZADD', key('deliveries-due', uid), ms(now + tonumber(ARGV[5])), id)
end
return 1
