-- Stores deliveries. One that is there changes nothing, so that an event can be brought any number of times. KEYS[1] is the
-- installation's root.
-- @include delivery
--
-- ARGV  2… for each: id · uid of its webhook · kind · subject · time of the event · deadline · body
-- Gives how many were new
-- Cost  O(deliveries · log n)

local there, added = {}, 0
for _, webhook in ipairs(call('HVALS', key('webhooks'))) do
  local uid = string.match(webhook, '"uid":"([^"]+)"')
  if uid then there[uid] = true end
end

for i = 2, #ARGV, 7 do
  local id, uid, kind, subject, time, deadline, body = unpack(ARGV, i, i + 6)
  local delivery = key('delivery', id)
  if there[uid] and call('EXISTS', delivery) == 0 then
    local number = call('HINCRBY', key('webhook', uid), 'n', 1)
    call('HSET', delivery, 'wh', uid, 'n', number, 'st', 'PENDING', 'kind', kind, 'sub', subject, 'et', time, 'dl', deadline,
      'body', body, 'att', 0)
    wait_until(uid, id, number, now_text, deadline)
    if call('ZCARD', list_of(uid, 'PENDING')) > MOST.PENDING then
      end_delivery(uid, call('ZRANGE', list_of(uid, 'PENDING'), 0, 0)[1], 'DEAD', 'OVERFLOW')
    end
    added = added + 1
  end
end
return added
