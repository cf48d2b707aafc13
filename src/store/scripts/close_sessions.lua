#!lua flags=allow-oom
-- Tells a worker to close sessions. It hears of it by a hint, and with each beat until it has told that they are gone.
--
-- What runs on an endpoint may have no session yet: then the attempt itself is what ends, under a number below zero.
--
-- ARGV  2 worker · 3 'ask' (only says what runs), 'idle' (not where something runs) or 'all' (what runs is cut) · then
--       number of a session, '' for whatever runs without one, and its endpoint in turn
-- Gives {'NONE'} (no such worker, or a dead one) · {'OK', job, attempt, endpoint, …} with what runs on the endpoints ·
--       {'BUSY', …} the same, and nobody was told anything
-- Cost  O(sessions)

local worker, how = ARGV[2], ARGV[3]
local state = call('HGET', key('worker', worker), 'st')
if not state or state == 'dead' then return { 'NONE' } end

local reply, runs = { 'OK' }, {}
for i = 5, #ARGV, 2 do
  local endpoint = ARGV[i]
  if runs[endpoint] == nil then
    local facts = call('HMGET', key('ep', endpoint), 'own', 'run')
    local id = facts[1] == worker and facts[2] or false
    runs[endpoint] = id
    if id then
      reply[#reply + 1] = id
      reply[#reply + 1] = call('HGET', key('job', id), 'att')
      reply[#reply + 1] = endpoint
    end
  end
end
if how == 'ask' then return reply end
if how == 'idle' and #reply > 1 then
  reply[1] = 'BUSY'
  return reply
end

local ends = key('session-ends', worker)
for i = 4, #ARGV, 2 do
  local number, endpoint = ARGV[i], ARGV[i + 1]
  local id = runs[endpoint]
  if number ~= '' then
    call('HSET', ends, number, id or '')
  elseif id then
    local fence = call('HGET', key('ep', endpoint), 'f')
    call('HSET', ends, -call('HINCRBY', key('worker', worker), 'unmet', 1), id .. ' ' .. fence)
  end
end
call('PUBLISH', key('hint', worker), 'control')
return reply
