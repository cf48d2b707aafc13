-- Tries deliveries again that have ended. KEYS[1] is the installation's root.
-- @include delivery
--
-- ARGV  2 uid of the webhook · 3 milliseconds for which they are tried · 4… ids; none: those given up, the oldest first
-- Gives the ids that are tried
-- Cost  O(deliveries · log n)

local MOST_AT_ONCE = 1000

local uid, again = ARGV[2], {}
local ids = #ARGV > 3 and { unpack(ARGV, 4) } or call('ZRANGE', list_of(uid, 'DEAD'), 0, MOST_AT_ONCE - 1)
for _, id in ipairs(ids) do
  local delivery = key('delivery', id)
  local facts = call('HMGET', delivery, 'wh', 'st', 'n')
  if facts[1] == uid and facts[2] ~= 'PENDING' then
    local deadline = ms(now + tonumber(ARGV[3]))
    call('HSET', delivery, 'st', 'PENDING', 'dl', deadline, 'att', 0)
    call('HDEL', delivery, 'e', 'why', 'held')
    call('ZREM', list_of(uid, facts[2]), id)
    call('ZREM', key('deliveries-ended'), uid .. ' ' .. id)
    wait_until(uid, id, facts[3], now_text, deadline)
    again[#again + 1] = id
  end
end
-- Whoever asks for it believes that the endpoint is there.
if #again > 0 then call('HDEL', key('webhook', uid), 'next') end
return again
