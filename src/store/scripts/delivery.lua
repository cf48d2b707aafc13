-- Shared by the scripts of deliveries. KEYS[1] is the installation's root; see write_webhook.lua for its keys.

-- A crowd that an endpoint leaves lying, or that is kept of what was given up and delivered, is bounded.
local MOST = { PENDING = 100000, DEAD = 10000, DELIVERED = 10000 }
local KEEP_MS = { DEAD = 7 * 86400000, DELIVERED = 86400000 }
-- Attempts in a row that failed after which an endpoint counts as down.
local DOWN = 5

local function list_of(uid, state)
  return key('deliveries', uid .. ' ' .. state)
end

local function purge(uid, id, state)
  call('UNLINK', key('delivery', id))
  call('ZREM', list_of(uid, state), id)
  call('ZREM', key('deliveries-due', uid), id)
  call('ZREM', key('deliveries-late'), uid .. ' ' .. id)
  call('ZREM', key('deliveries-ended'), uid .. ' ' .. id)
end

-- Makes a delivery wait for an attempt at a time.
local function wait_until(uid, id, number, time, deadline)
  call('ZADD', list_of(uid, 'PENDING'), number, id)
  call('ZADD', key('deliveries-due', uid), time, id)
  call('ZADD', key('deliveries-late'), deadline, uid .. ' ' .. id)
end

-- Ends a delivery that is pending. The oldest of those that ended alike make room for it.
local function end_delivery(uid, id, state, why)
  local delivery = key('delivery', id)
  call('HSET', delivery, 'st', state, 'e', now_text)
  if why then call('HSET', delivery, 'why', why) end
  call('ZREM', list_of(uid, 'PENDING'), id)
  call('ZREM', key('deliveries-due', uid), id)
  call('ZREM', key('deliveries-late'), uid .. ' ' .. id)
  call('ZADD', list_of(uid, state), call('HGET', delivery, 'n'), id)
  call('ZADD', key('deliveries-ended'), ms(now + KEEP_MS[state]), uid .. ' ' .. id)
  if call('ZCARD', list_of(uid, state)) > MOST[state] then purge(uid, call('ZRANGE', list_of(uid, state), 0, 0)[1], state) end
end
