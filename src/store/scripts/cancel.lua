-- Cancels a job. What runs is touched only when asked: its worker is told, and told again with each beat.
--
-- ARGV  2 job · 3 '1' to interrupt what runs · 4 the fact, as the inside of a JSON object
-- Gives NONE (no such job) · CANCELLED · CANCELLING · RUNNING · FINAL
-- Cost  O(log n)

local id = ARGV[2]
local job = key('job', id)
local facts = redis.call('HMGET', job, 'st', 'ep', 'line', 'w', 'att')
local state, endpoint, attempt = facts[1], facts[2], facts[5]
if not state then return 'NONE' end
if FINAL[state] then return 'FINAL' end
if state == 'CANCELLING' then return 'CANCELLING' end

if state == 'RUNNING' then
  if ARGV[3] ~= '1' then return 'RUNNING' end
  local worker = facts[4]
  redis.call('HSET', job, 'can', 1, 'st', 'CANCELLING')
  move(id, 'RUNNING', 'CANCELLING')
  redis.call('SADD', key('cancels', worker), id)
  event(id, attempt, ARGV[4])
  announce(id, event(id, attempt, state_body('CANCELLING')))
  redis.call('PUBLISH', key('hint', worker), 'cancel ' .. id)
  return 'CANCELLING'
end

redis.call('HSET', job, 'can', 1, 'eff', 'NONE')
withdraw(id, endpoint, facts[3])
close_job(id, state, 'CANCELLED')
event(id, attempt, ARGV[4])
announce(id, event(id, attempt, state_body('CANCELLED')))
place(endpoint)
return 'CANCELLED'
