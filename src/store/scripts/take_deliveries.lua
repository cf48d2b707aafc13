#!lua flags=allow-oom
-- Takes due deliveries for an attempt. Whoever takes one has some time for it; then another may. An endpoint that is down is
-- tried with one at a time, and at longer and longer intervals. KEYS[1] is the installation's root.
-- @include delivery
--
-- ARGV  2 how long others wait, in milliseconds · 3… uid of a webhook, how many to take at most, and '1' when they go one by
--       one, in order, in turn
-- Gives {{id, uid, number of the attempt, deadline, body}, …}
-- Cost  O(webhooks + deliveries · log n)

local BROUGHT_FORWARD = 1000

-- What goes next where they go in order: the first that has not ended, unless somebody has it or it is to wait. While the
-- endpoint is down, when it is tried decides that: there is no other to find out with that it is back.
local function first_of(uid, due, down)
  local ids = call('ZRANGE', list_of(uid, 'PENDING'), 0, 0)
  if not ids[1] then return ids end
  local is_due = tonumber(call('ZSCORE', due, ids[1])) <= now
  return (is_due or (down and not call('HGET', key('delivery', ids[1]), 'held'))) and ids or {}
end

local taken = {}
for i = 3, #ARGV, 3 do
  local uid, room = ARGV[i], tonumber(ARGV[i + 1])
  local due, webhook = key('deliveries-due', uid), key('webhook', uid)
  local facts = call('HMGET', webhook, 'failures', 'next', 'wake')
  -- It came back: whatever waits for a later time comes now.
  if facts[3] then
    local waiting = call('ZRANGE', due, '(' .. now_text, '+inf', 'BYSCORE', 'LIMIT', 0, BROUGHT_FORWARD)
    for _, id in ipairs(waiting) do
      if not call('HGET', key('delivery', id), 'held') then call('ZADD', due, now_text, id) end
    end
    if #waiting < BROUGHT_FORWARD then call('HDEL', webhook, 'wake') end
  end
  local down = tonumber(facts[1] or 0) >= DOWN
  if down then room = tonumber(facts[2] or 0) <= now and math.min(room, 1) or 0 end
  if room > 0 then
    local ids = ARGV[i + 2] == '1' and first_of(uid, due, down)
      or call('ZRANGE', due, '-inf', now_text, 'BYSCORE', 'LIMIT', 0, room)
    for _, id in ipairs(ids) do
      local delivery = key('delivery', id)
      local attempt = call('HINCRBY', delivery, 'att', 1)
      call('HSET', delivery, 'held', attempt)
      call('ZADD', due, ms(now + tonumber(ARGV[2])), id)
      local told = call('HMGET', delivery, 'dl', 'body')
      taken[#taken + 1] = { id, uid, attempt, told[1], told[2] }
    end
    if down and #ids > 0 then call('HSET', webhook, 'next', ms(now + tonumber(ARGV[2]))) end
  end
end
return taken
