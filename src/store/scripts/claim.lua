-- Takes up to `limit` jobs for a worker: for each, the head of its warm devices or of the ready ones. A warm session
-- wins, unless a cold device has waited longer by more than the bonus.
--
-- ARGV  2 worker · 3 limit · 4 request id · 5 bonus in milliseconds
-- Gives {'DEAD'} · {'OK', {id, fence, secret or '', {field, value, …}}, …}. The same request id gets the same jobs again.
-- Cost  O(limit · log n)

local worker, limit, request = ARGV[2], tonumber(ARGV[3]), ARGV[4]
local me = key('worker', worker)
local known = redis.call('HMGET', me, 'st', 'claim', 'claimed', 'closing')
if not known[1] or known[1] == 'dead' then return { 'DEAD' } end

local function answer(ids)
  local reply = { 'OK' }
  for id, fence in string.gmatch(ids, '(%S+) (%S+)') do
    local job = redis.call('HGETALL', key('job', id))
    reply[#reply + 1] = { id, fence, redis.call('GET', key('secret', id)) or '', job }
  end
  return reply
end

if known[2] == request then return answer(known[3]) end
if known[4] == '1' then return { 'OK' } end

local ready, warm, bonus = key('ready'), key('warm', worker), tonumber(ARGV[5])
-- Jobs put aside under limits count as well, so that one call looks at a bounded number.
local taken, looked = {}, 0
while #taken < limit and looked < limit + 100 do
  local own = redis.call('ZRANGE', warm, 0, 0, 'WITHSCORES')
  local cold = redis.call('ZRANGE', ready, 0, 0, 'WITHSCORES')
  local endpoint
  if own[1] and (not cold[1] or tonumber(cold[2]) + bonus >= tonumber(own[2])) then
    endpoint = own[1]
    redis.call('ZREM', warm, endpoint)
    redis.call('ZREM', key('handoff'), endpoint)
  elseif cold[1] then
    endpoint = cold[1]
    redis.call('ZREM', ready, endpoint)
  else
    break
  end

  looked = looked + 1
  local device = gates(endpoint)
  local _, id, line = head(endpoint, device)
  if id then
    local job = key('job', id)
    local facts = redis.call('HMGET', job, 'names', 'sc', 'ex', 'permits')
    local full = facts[1] and acquire(id, facts[1])
    redis.call('ZREM', key(line, endpoint), id)
    if device.lock then redis.call('ZREM', key(line .. '-pass', endpoint), id) end
    if full then
      if facts[4] then give_back(id, facts[1]) end
      park(id, endpoint, full, facts[2], facts[3])
      place(endpoint)
    else
      local fence = ms(redis.call('INCR', key('fence')))
      local attempt = redis.call('HINCRBY', job, 'att', 1)
      redis.call('ZREM', key('expire'), id)
      redis.call('HSET', key('ep', endpoint), 'own', worker, 'run', id, 'f', fence)
      redis.call('SADD', key('owned', worker), endpoint)
      redis.call('HSETNX', job, 'fs', ms(now))
      redis.call('HSET', job, 'st', 'RUNNING', 'w', worker, 'f', fence, 's', ms(now),
        'a' .. attempt, cjson.encode({ w = worker, f = fence, s = now }))
      redis.call('HDEL', job, 'it', 'rt', 'is', 'cs', 'part')
      move(id, 'QUEUED', 'RUNNING')
      announce(id, event(id, attempt, state_body('RUNNING') .. ',"w":' .. cjson.encode(worker)))
      taken[#taken + 1] = id .. ' ' .. fence
    end
  end
end

local ids = table.concat(taken, ' ')
redis.call('HSET', me, 'claim', request, 'claimed', ids)
-- Registered as idle in the same step in which nothing more was found: no wake-up can fall in between.
if #taken < limit then redis.call('SADD', key('idle'), worker) end
return answer(ids)
