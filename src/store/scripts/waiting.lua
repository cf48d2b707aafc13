#!lua flags=allow-oom
-- Says why jobs wait, and behind whom. Writes nothing.
-- @include items, gate, hold, lines, place, freezes, limits
--
-- ARGV  for each job: its id
-- Gives for each {} (it does not wait) or {reason, blocking job or '', position, limit or policy it waits for, if any,
--       milliseconds until when the policy closes, or ''}
-- Cost  O(ids · log n + workers that take no work)

local shut = gate_shut() == 'SHUT'

-- Whether a live worker takes work, or work of a skill: not one that is suspended or stops.
local takes = {}
local function is_served(skill)
  local name = skill or ''
  if takes[name] ~= nil then return takes[name] end
  takes[name] = false
  for _, worker in ipairs(call('SMEMBERS', skill and key('skilled', skill) or key('alive'))) do
    local facts = call('HMGET', key('worker', worker), 'st', 'ctl')
    takes[name] = facts[1] == 'alive' and not facts[2]
    if takes[name] then break end
  end
  return takes[name]
end

-- The paused queue of a job that has not been put aside for it yet.
local some_paused = call('EXISTS', key('paused')) == 1
local function paused_queue(queue)
  local name = some_paused and queue and 'queue/' .. queue
  return name and ceiling(name) == 0 and name
end

local function explain(_, id)
  local job = call('HMGET', key('job', id), 'st', 'ep', 'cls', 'sc', 'rt', 'parked', 'skill', 'bk', 'queue')
  local answer = {}
  if job[1] == 'DELAYED' then
    answer = { job[8] and 'BREAKER_OPEN' or job[5] and 'RETRY' or 'START_TIME', '', 0 }
  elseif job[1] == 'QUEUED' and job[6] and is_policy(job[6]) then
    local ahead = call('ZRANK', key('parked', job[6]), id) or 0
    answer = { 'FROZEN', '', ahead + 1, job[6], policy_until(job[6]) or now_text }
  elseif job[1] == 'QUEUED' and job[6] then
    local ahead = call('ZRANK', key('parked', job[6]), id) or 0
    answer = { ceiling(job[6]) == 0 and 'PAUSED' or 'LIMIT', '', ahead + 1, job[6] }
  elseif job[1] == 'QUEUED' then
    local endpoint, line = job[2], line_of(job[3])
    local device = gates(endpoint)
    local own, beside = source(endpoint, line, device), source(endpoint, line == 'reads' and 'changes' or 'reads', device)
    -- Only what could start before it is in its way: what a lock keeps waiting is not, for those who pass the lock.
    local ahead = (own and call('ZRANK', own, id)) or call('ZRANK', key(line, endpoint), id) or 0
    if beside then ahead = ahead + call('ZCOUNT', beside, '-inf', '(' .. job[4]) end
    local locker = device.lock and (device.lock == 'ALL' or line == 'changes')
      and device.locker
    local next_one = first(endpoint, device)
    local reason, blocking = 'CLAIM', ''
    local policy, ends = frozen(endpoint, line)
    if device.hold and line == 'changes' then
      reason, blocking = 'HELD', device.hold
    elseif device.paused then
      reason = 'PAUSED'
    elseif locker and locker ~= definition_of(id).by then
      reason = 'LOCKED'
    elseif policy then
      return { 'FROZEN', '', ahead + 1, policy, ends }
    elseif paused_queue(job[9]) then
      return { 'PAUSED', '', ahead + 1, paused_queue(job[9]) }
    elseif shut then
      reason = 'RECONCILING'
    elseif device.run then
      reason, blocking = 'DEVICE_BUSY', device.run
    elseif not is_served(job[7]) then
      reason = 'NO_WORKER'
    elseif next_one ~= id then
      reason, blocking = 'DEVICE_BUSY', next_one or ''
    end
    answer = { reason, blocking, ahead + 1 }
  end
  return answer
end

return for_each_item(1, explain)
