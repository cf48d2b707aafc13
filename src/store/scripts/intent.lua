#!lua flags=allow-oom
-- Moves an attempt past its point of no return. Written before the first byte that can change the device; without its
-- OK nothing may be sent.
--
-- Redis may forget a worker, and with it that its journal is to be waited for. So a worker changes nothing before a server
-- has seen it, and another worker, of which the same holds, has written its name into its own journal.
-- @include gate, held, freezes
--
-- ARGV  2 worker · 3 endpoint · 4 job · 5 fence · 6 the step about to be sent
-- Gives {'OK', request key, what is kept of it, …} · {'FENCED'} · {'SHUT', what the zone is closed for, …} or {'HIDDEN'}
--       (nothing may be sent) · {'UNSEEN'} (not before others would remember this worker) · {'CANCELLED'} (asked for
--       meanwhile) · {'EXPIRED'} (its queue timeout has passed: stale work is not begun) ·
--       {'FROZEN', policy, milliseconds until when or ''} (changes are not to start now)
-- Cost  O(1)

-- Others that are asked at once to write a newcomer down; all are with their next beat.
local ASKED = 3

-- Whether others would remember this worker. Where there is no other, it is the first: servers alone do.
local function is_remembered(worker)
  if call('SISMEMBER', key('witnesses'), worker) == 1 then return true end
  if call('ZSCORE', key('unseen'), worker) then return false end
  local others = call('SRANDMEMBER', key('witnesses'), ASKED)
  if #others == 0 then
    call('SADD', key('witnesses'), worker)
    call('HDEL', key('newcomers'), worker)
    return true
  end
  if call('HSETNX', key('newcomers'), worker, call('HGET', key('gate'), 'roster') or '0') == 1 then
    for _, other in ipairs(others) do call('PUBLISH', key('hint', other), 'control') end
  end
  return false
end

local id = ARGV[4]
local shut = gate_shut()
if shut then return { shut } end
local closed = closed_by()
if #closed > 0 then return { 'SHUT', unpack(closed) } end
if not held(ARGV[2], ARGV[3], id, ARGV[5]) then return { 'FENCED' } end
local job = key('job', id)
local facts = call('HMGET', job, 'can', 'ex', 'request')
if facts[1] then return { 'CANCELLED' } end
if tonumber(facts[2]) <= now then return { 'EXPIRED' } end
local policy, ends = frozen(ARGV[3], 'changes')
if policy then return { 'FROZEN', policy, ends } end
if not is_remembered(ARGV[2]) then return { 'UNSEEN' } end
call('HSET', job, 'it', now_text, 'is', ARGV[6])

-- What the worker's journal keeps of the requests, so that a repeated one is known also to a Redis that forgot it.
local reply = { 'OK' }
for request in string.gmatch(facts[3] or '', '%S+') do
  reply[#reply + 1] = request
  reply[#reply + 1] = call('GET', key('request', request)) or ''
end
return reply
