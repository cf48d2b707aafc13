#!lua flags=allow-oom
-- Cancels a job. What runs is touched only when asked: its worker is told, and told again with each beat. A change that
-- waits is left alone while it is not known whether it was made in a history that is forgotten.
-- @include gate, event, move, hold, lines, place, freezes, limits, rates, close_job
--
-- ARGV  2 job · 3 '1' to interrupt what runs · 4 the fact, as the inside of a JSON object
-- Gives NONE (no such job) · CANCELLED · CANCELLING · RUNNING · FINAL · SHUT (it may have been made)
-- Cost  O(log n)

local id = ARGV[2]
local job = key('job', id)
local facts = call('HMGET', job, 'st', 'ep', 'cls', 'w', 'att')
local state, endpoint, attempt = facts[1], facts[2], facts[5]
if not state then return 'NONE' end
if FINAL[state] then return 'FINAL' end
if state == 'CANCELLING' then return 'CANCELLING' end

if state == 'RUNNING' then
  if ARGV[3] ~= '1' then return 'RUNNING' end
  local worker = facts[4]
  call('HSET', job, 'can', 1, 'st', 'CANCELLING')
  move(id, 'RUNNING', 'CANCELLING')
  call('SADD', key('cancels', worker), id)
  event(id, attempt, ARGV[4])
  announce(id, event(id, attempt, state_body('CANCELLING')))
  call('PUBLISH', key('hint', worker), 'cancel ' .. id)
  return 'CANCELLING'
end

if facts[3] == 'AT_MOST_ONCE' and may_be_forgotten() then return 'SHUT' end

call('HSET', job, 'can', 1)
withdraw(id, endpoint, line_of(facts[3]))
close_waiting(id, state, 'CANCELLED')
event(id, attempt, ARGV[4])
announce(id, event(id, attempt, state_body('CANCELLED')))
place(endpoint)
return 'CANCELLED'
