#!lua flags=allow-oom
-- Checks deliveries to webhooks: that each has its webhook and stands in the lists of its state, and that no list holds what
-- is not there. KEYS[1] is the installation's root.
-- @include fsck, delivery
--
-- ARGV  3 what the things are: 'delivery' (ids), 'webhook' (uids), or the name of a list whose members they are · 4… things,
--       at most 100
-- Cost  O(webhooks + things · log n)

local kind = ARGV[3]
local known = {}
for _, webhook in ipairs(call('HVALS', key('webhooks'))) do
  local uid = string.match(webhook, '"uid":"([^"]+)"')
  if uid then known[uid] = true end
end
for _, uid in ipairs(call('SMEMBERS', key('webhooks-gone'))) do known[uid] = true end

local function stands(list, member, should, id, invariant, mend)
  local there = score_of(list, member) ~= nil and score_of(list, member) ~= false
  if there == should then return end
  found(id, invariant, list, 'delivery ' .. id .. (there and ' stands in it and should not' or ' is not in it'), function()
    if there then call('ZREM', list, member) else mend() end
  end)
end

local function check_delivery(id)
  local delivery = key('delivery', id)
  local facts = read(delivery, 'wh', 'st', 'n', 'dl')
  if not facts.wh then return end
  local uid, pending = facts.wh, facts.st == 'PENDING'
  if not known[uid] then
    found(id, 'delivery-has-its-webhook', delivery, 'webhook ' .. uid .. ' is gone', function()
      for state in pairs(MOST) do purge(uid, id, state) end
    end)
    return
  end
  for state in pairs(MOST) do
    stands(list_of(uid, state), id, facts.st == state, id, 'delivery-in-its-list', function()
      call('ZADD', list_of(uid, state), facts.n, id)
    end)
  end
  stands(key('deliveries-due', uid), id, pending, id, 'delivery-is-due', function()
    call('ZADD', key('deliveries-due', uid), now_text, id)
  end)
  stands(key('deliveries-late'), uid .. ' ' .. id, pending, id, 'delivery-ends', function()
    call('ZADD', key('deliveries-late'), facts.dl, uid .. ' ' .. id)
  end)
  stands(key('deliveries-ended'), uid .. ' ' .. id, not pending, id, 'delivery-is-purged', function()
    call('ZADD', key('deliveries-ended'), ms(now + (KEEP_MS[facts.st] or 0)), uid .. ' ' .. id)
  end)
end

for i = 4, #ARGV do
  local thing = ARGV[i]
  if kind == 'delivery' then
    check_delivery(thing)
  elseif kind == 'webhook' then
    if not known[thing] and call('EXISTS', key('webhook', thing)) == 1 then
      found(thing, 'figures-have-their-webhook', key('webhook', thing), 'the webhook is gone', function()
        call('SADD', key('webhooks-gone'), thing)
      end)
    end
  else
    local id = string.match(thing, '(%S+)$')
    if score_of(root .. ':' .. kind, thing) and call('EXISTS', key('delivery', id)) == 0 then
      found(thing, 'entry-has-its-delivery', root .. ':' .. kind, 'delivery ' .. id .. ' is not there', function()
        call('ZREM', root .. ':' .. kind, thing)
      end)
    end
  end
end
return findings
