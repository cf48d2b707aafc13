#!lua flags=allow-oom
-- Gives up deliveries that were tried for long enough, and purges those that were kept long enough or have no webhook any
-- more. KEYS[1] is the installation's root.
-- @include delivery
--
-- ARGV  2 how many of each at most
-- Gives how much was done
-- Cost  O(limit · log n)

local limit, worked = tonumber(ARGV[2]), 0

local function each(list, act)
  for _, member in ipairs(call('ZRANGE', key(list), '-inf', now_text, 'BYSCORE', 'LIMIT', 0, limit)) do
    local uid, id = string.match(member, '^(%S+) (%S+)$')
    local state = call('HGET', key('delivery', id), 'st')
    call('ZREM', key(list), member)
    act(uid, id, state)
    worked = worked + 1
  end
end

each('deliveries-late', function(uid, id, state)
  if state == 'PENDING' then end_delivery(uid, id, 'DEAD', 'EXPIRED') end
end)
each('deliveries-ended', function(uid, id, state)
  if state and state ~= 'PENDING' then purge(uid, id, state) end
end)

local gone = call('SRANDMEMBER', key('webhooks-gone'))
if gone then
  local left = limit
  for state in pairs(MOST) do
    local ids = left > 0 and call('ZRANGE', list_of(gone, state), 0, left - 1) or {}
    for _, id in ipairs(ids) do purge(gone, id, state) end
    left = left - #ids
  end
  worked = worked + limit - left
  if left > 0 then
    call('SREM', key('webhooks-gone'), gone)
    call('UNLINK', key('webhook', gone), key('deliveries-due', gone))
  end
end
return worked
