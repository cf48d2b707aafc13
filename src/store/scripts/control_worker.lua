#!lua flags=allow-oom
-- Tells a worker to take nothing new, to stop, or to go on. From this step on it is given nothing more; it hears of it
-- by a hint and with each beat. A stop is neither taken back nor softened.
-- @include place
--
-- ARGV  2 worker · 3 SUSPEND, DRAIN, GRACEFUL, NOW or RESUME · 4 the order as a JSON object; '' resumes
-- Gives {'NONE'} (no such worker, or a dead one) · {'STOPPING'} (a stop stands against it) · {'OK', job, attempt,
--       endpoint, …} with what runs there, when it is to stop
-- Cost  O(devices owned)

local worker, kind, order = ARGV[2], ARGV[3], ARGV[4]
local RANK = { RESUME = 0, SUSPEND = 0, DRAIN = 1, GRACEFUL = 2, NOW = 3 }
local me = key('worker', worker)
local facts = call('HMGET', me, 'st', 'ctl')
if not facts[1] or facts[1] == 'dead' then return { 'NONE' } end
local before = facts[2] and RANK[cjson.decode(facts[2]).kind] or 0
if before > 0 and RANK[kind] == 0 then return { 'STOPPING' } end

if kind == 'RESUME' then
  call('HDEL', me, 'ctl')
  call('HSET', me, 'closing', 0)
elseif RANK[kind] >= before then
  call('HSET', me, 'ctl', order, 'closing', 1)
  call('SREM', key('idle'), worker)
  for _, endpoint in ipairs(call('ZRANGE', key('warm', worker), 0, 99)) do place(endpoint) end
end

local reply = { 'OK' }
if RANK[kind] > 0 then
  for _, endpoint in ipairs(call('SMEMBERS', key('owned', worker))) do
    local id = call('HGET', key('ep', endpoint), 'run')
    if id then
      reply[#reply + 1] = id
      reply[#reply + 1] = call('HGET', key('job', id), 'att')
      reply[#reply + 1] = endpoint
    end
  end
end
call('PUBLISH', key('hint', worker), 'control')
return reply
