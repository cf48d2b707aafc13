#!lua flags=allow-oom
-- Keeps history within its bounds, a bounded step: purges the oldest jobs that ended too long ago or are too many, and
-- removes the oldest outputs when all of them together are too large.
--
-- ARGV  2 how many of each at most · 3 milliseconds to keep good ends · 4 milliseconds to keep the others · 5 jobs to
--       keep at most · 6 bytes of output to keep at most · 7 milliseconds to keep request ids
-- Gives how much was done
-- Cost  O(limit · log n)

local limit, worked = tonumber(ARGV[2]), 0

local function purge(set, id)
  local job = key('job', id)
  local facts = call('HMGET', job, 'st', 'def', 'ob', 'gone', 'request', 'e', 'run', 'del')
  call('ZREM', key(set), id)
  if facts[1] then
    call('ZREM', key('ix:state', facts[1]), id)
    if facts[8] then call('ZREM', key('ix:deleted', facts[1]), id) end
    local definition = cjson.decode(facts[2])
    if definition.addr ~= '' then call('ZREM', key('ix:device', 'address/' .. string.lower(definition.addr)), id) end
    if definition.node then call('ZREM', key('ix:device', 'node/' .. definition.node), id) end
    if definition.dev then call('ZREM', key('ix:device', 'device/' .. definition.dev), id) end
  end
  if facts[7] then call('ZREM', key('ix:run', string.match(facts[7], '^%S+')), id) end
  if facts[3] and not facts[4] then call('DECRBY', key('outbytes'), facts[3]) end
  if facts[5] then
    -- From the end: until then another request could join the job.
    local left = tonumber(facts[6]) + tonumber(ARGV[7]) - now
    for request in string.gmatch(facts[5], '%S+') do
      call('PEXPIRE', key('request', request), math.max(1, math.floor(left)))
    end
  end
  call('ZREM', key('outputs'), id)
  call('UNLINK', job, key('events', id), key('output', id), key('transcript', id))
  worked = worked + 1
end

for set, keep in pairs({ ['done:good'] = ARGV[3], ['done:bad'] = ARGV[4] }) do
  local old = call('ZRANGE', key(set), '-inf', ms(now - tonumber(keep)), 'BYSCORE', 'LIMIT', 0, limit)
  for _, id in ipairs(old) do purge(set, id) end
end

local many = call('ZCARD', key('done:good')) + call('ZCARD', key('done:bad')) - tonumber(ARGV[5])
for _, set in ipairs({ 'done:good', 'done:bad' }) do
  if many > 0 then
    for _, id in ipairs(call('ZRANGE', key(set), 0, math.min(many, limit) - 1)) do
      purge(set, id)
      many = many - 1
    end
  end
end

for _ = 1, limit do
  if tonumber(call('GET', key('outbytes')) or 0) <= tonumber(ARGV[6]) then break end
  local oldest = call('ZPOPMIN', key('outputs'))[1]
  if not oldest then break end
  local job = key('job', oldest)
  call('DECRBY', key('outbytes'), call('HGET', job, 'ob'))
  call('HSET', job, 'gone', 1)
  call('UNLINK', key('output', oldest))
  worked = worked + 1
end
return worked
