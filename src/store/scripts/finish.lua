-- Ends an attempt: the job becomes final, waits for another attempt, or goes back into its line.
-- @include move, lines, place, limits, close_job, hold, held
--
-- ARGV  2 worker · 3 endpoint · 4 job · 5 fence · 6 output bytes · 7 last step that may have been sent · 8 last step
--       whose answer was seen · 9 verdict · 10 error as JSON or '' · 11 effect or '' · 12 encoded result or ''
--       13 transcript or '' · 14 pause before the next attempt, for RETRY · 15 '1' when the worker keeps the device
--       16 failure to show on the device, as the inside of a JSON object, or '' · 17… facts not yet written
-- Gives OK · FENCED
-- Cost  O(log n + facts + bytes)
--
-- A job that was asked to stop neither goes round again nor expires: RETRY, REQUEUE and EXPIRED become CANCELLED when it
-- has not passed its point of no return, and FAILED when it has.

local worker, endpoint, id = ARGV[2], ARGV[3], ARGV[4]
local device = held(worker, endpoint, id, ARGV[5])
if not device then return 'FENCED' end

local job = key('job', id)
local facts = call('HMGET', job, 'st', 'att', 'can', 'it', 'sc', 'ex', 'line', 'n', 'cls', 'qto', unpack(CLOSING))
local closing = { unpack(facts, 11, 17) }
local from, attempt, number = facts[1], facts[2], tonumber(facts[8])
local verdict, failure, effect = ARGV[9], ARGV[10], ARGV[11]
if facts[3] and (verdict == 'RETRY' or verdict == 'REQUEUE' or verdict == 'EXPIRED') then
  local sent = facts[4] or (facts[9] == 'IDEMPOTENT' and tonumber(ARGV[7]) > 0)
  verdict, effect = sent and 'FAILED' or 'CANCELLED', sent and 'PARTIAL' or 'NONE'
end
if verdict == 'CANCELLED' then effect = 'NONE' end

local fields = { 'is', ARGV[7], 'cs', ARGV[8] }
local function field(name, value)
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end

local events = {}
for i = 17, #ARGV do
  number = number + 1
  events[#events + 1] = event_json(number, attempt, ARGV[i])
end
local state, body, expires = verdict, '', facts[6]
if FINAL[verdict] then
  field('e', now_text)
  if failure ~= '' then field('err', failure) end
  if effect ~= '' then field('eff', effect) end
  if ARGV[12] ~= '' and closing[4] ~= 'NONE' then field('res', ARGV[12]) end
else
  expires = expiry(facts[9], facts[10], facts[6])
  field('ex', expires)
  if verdict == 'RETRY' then
    local due = ms(now + ARGV[14])
    state, body = 'DELAYED', ',"r":' .. due
    field('rt', due)
  else
    state = 'QUEUED'
    field('qt', now_text)
  end
end
number = number + 1
events[#events + 1] = event_json(number, attempt, state_body(state) .. body .. (failure ~= '' and ',"x":' .. failure or ''))
record(id, events, number)

if ARGV[6] ~= '' then
  closing[3] = ms(call('APPEND', key('output', id), ARGV[6]))
  field('ob', closing[3])
end
field('z' .. attempt, '{"e":' .. now_text .. (failure ~= '' and ',"x":' .. failure or '') .. '}')
field('st', state)
field('n', number)
call('HSET', job, unpack(fields))
if facts[3] then call('SREM', key('cancels', worker), id) end
if ARGV[13] ~= '' then call('SET', key('transcript', id), ARGV[13]) end
call('HDEL', key('ep', endpoint), 'run')
if ARGV[16] ~= '' then call('HSET', key('ep', endpoint), 'lf', '{' .. ARGV[16] .. ',"timeMs":' .. now_text .. '}') end

if FINAL[verdict] then
  if verdict == 'INDETERMINATE' then hold(endpoint, id) end
  close_job(id, from, verdict, closing)
else
  move(id, from, state)
  if closing[5] then give_back(id, closing[6]) end
  if verdict == 'RETRY' then
    call('ZADD', key('delayed'), now + ARGV[14], id)
    call('SADD', key('later', endpoint), id)
    call('ZADD', key('expire'), expires, id)
  else
    call('HINCRBY', job, 'ref', 1)
    enter_line(id, endpoint, facts[7], facts[5], expires)
  end
end
announce(id, number)

-- While it ran, the device was on no list of devices to offer; it is now, if it has something to start.
if ARGV[15] ~= '1' then let_go(endpoint, worker) end
device.run = false
if ARGV[15] ~= '1' then device.owner = false end
if verdict == 'INDETERMINATE' then device.hold = id end
local score = head(endpoint, device)
if score then offer(endpoint, device, score) end
return 'OK'
