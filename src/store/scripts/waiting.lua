-- Says why jobs wait, and behind whom. Writes nothing.
--
-- ARGV  2… job ids, at most 1,000
-- Gives for each {} (it does not wait) or {reason, blocking job or '', position}
-- Cost  O(ids · log n)

local served = redis.call('SCARD', key('alive')) > 0
local reply = {}
for i = 2, #ARGV do
  local id = ARGV[i]
  local job = redis.call('HMGET', key('job', id), 'st', 'ep', 'line', 'sc', 'rt')
  local answer = {}
  if job[1] == 'DELAYED' then
    answer = { job[5] and 'RETRY' or 'START_TIME', '', 0 }
  elseif job[1] == 'QUEUED' then
    local endpoint, line = job[2], job[3]
    local device = redis.call('HMGET', key('ep', endpoint), 'run', 'hold')
    local other = line == 'reads' and 'changes' or 'reads'
    local ahead = redis.call('ZRANK', key(line, endpoint), id) or 0
    -- Changes that a hold keeps from starting are not in the way of reads.
    if not (device[2] and other == 'changes') then
      ahead = ahead + redis.call('ZCOUNT', key(other, endpoint), '-inf', '(' .. job[4])
    end
    local blocked = device[2] and line == 'changes'
    local _, first = head(endpoint, device[2])
    if blocked then
      answer = { 'HELD', device[2], ahead + 1 }
    elseif device[1] then
      answer = { 'DEVICE_BUSY', device[1], ahead + 1 }
    elseif not served then
      answer = { 'NO_WORKER', '', ahead + 1 }
    elseif first ~= id then
      answer = { 'DEVICE_BUSY', first or '', ahead + 1 }
    else
      answer = { 'CLAIM', '', ahead + 1 }
    end
  end
  reply[#reply + 1] = answer
end
return reply
