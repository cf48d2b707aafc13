-- Ends an attempt: the job becomes final, waits for another attempt, or goes back into its line.
-- @include append_facts
--
-- ARGV  2 worker · 3 endpoint · 4 job · 5 fence · 6 output bytes · 7 last step that may have been sent · 8 last
--       step whose answer was seen ·
--       9 verdict · 10 error as JSON or '' · 11 effect or '' · 12 encoded result or '' · 13 transcript or ''
--       14 pause before the next attempt, for RETRY · 15 '1' when the worker keeps the device · 16 failure to show on the
--       device, as the inside of a JSON object, or '' · 17… facts not yet written
-- Gives OK · FENCED
-- Cost  O(log n + facts + bytes)
--
-- A job that was asked to stop does not go round again: RETRY and REQUEUE become CANCELLED when it has not passed its
-- point of no return, and FAILED when it has.

local worker, endpoint, id = ARGV[2], ARGV[3], ARGV[4]
if not holds(worker, endpoint, id, ARGV[5]) then return 'FENCED' end

local job = key('job', id)
local facts = redis.call('HMGET', job, 'st', 'att', 'can', 'it', 'sc', 'ex', 'line', 'retain')
local from, attempt = facts[1], facts[2]
local verdict, failure = ARGV[9], ARGV[10]
if facts[3] and (verdict == 'RETRY' or verdict == 'REQUEUE') then verdict = facts[4] and 'FAILED' or 'CANCELLED' end

append_facts(id, ARGV[6], ARGV[7], ARGV[8], 17)

local closing = '"e":' .. ms(now)
if failure ~= '' then closing = closing .. ',"x":' .. failure end
redis.call('HSET', job, 'z' .. attempt, '{' .. closing .. '}')
redis.call('SREM', key('cancels', worker), id)

local device = key('ep', endpoint)
redis.call('HDEL', device, 'run')
if ARGV[16] ~= '' then redis.call('HSET', device, 'lf', '{' .. ARGV[16] .. ',"timeMs":' .. ms(now) .. '}') end

local body
if FINAL[verdict] then
  if failure ~= '' then redis.call('HSET', job, 'err', failure) end
  local effect = verdict == 'CANCELLED' and 'NONE' or ARGV[11]
  if effect ~= '' then redis.call('HSET', job, 'eff', effect) end
  if ARGV[12] ~= '' and facts[8] ~= 'NONE' then redis.call('HSET', job, 'res', ARGV[12]) end
  close_job(id, from, verdict)
  if verdict == 'INDETERMINATE' then hold(endpoint, id) end
  redis.call('HINCRBY', key('worker', worker), verdict == 'SUCCEEDED' and 'good' or 'bad', 1)
  body = state_body(verdict)
elseif verdict == 'RETRY' then
  yield_permits(id)
  local due = now + tonumber(ARGV[14])
  move(id, from, 'DELAYED')
  redis.call('HSET', job, 'st', 'DELAYED', 'rt', ms(due))
  redis.call('ZADD', key('delayed'), due, id)
  redis.call('SADD', key('later', endpoint), id)
  redis.call('ZADD', key('expire'), facts[6], id)
  body = state_body('DELAYED') .. ',"r":' .. ms(due)
else
  yield_permits(id)
  move(id, from, 'QUEUED')
  redis.call('HSET', job, 'st', 'QUEUED', 'qt', ms(now))
  redis.call('HINCRBY', job, 'ref', 1)
  enter_line(id, endpoint, facts[7], facts[5], facts[6])
  body = state_body('QUEUED')
end
if ARGV[13] ~= '' then redis.call('SET', key('transcript', id), ARGV[13]) end
if failure ~= '' then body = body .. ',"x":' .. failure end
announce(id, event(id, attempt, body))

if ARGV[15] ~= '1' then let_go(endpoint, worker) end
place(endpoint)
return 'OK'
