-- Shared by scripts after which a job would wait for more than its device's work: one that is not to, which `blk` in its hash
-- says, ends instead.
-- @needs event, lines, place, freezes, limits, close_job

-- What keeps a job from starting beside its device's work: reason, words and metadata. `own` says that its own line is
-- open to it, `full` names the limit that is full, or the policy that closes, which it does until `ends`.
local function obstacle(device, endpoint, from, own, full, ends)
  if device.paused then return 'QUEUE_PAUSED', 'its device is paused', { endpoint = endpoint } end
  if not from then
    local job = not string.find(device.hold, '^worker/') and device.hold ~= 'restore'
    local metadata = job and { job = device.hold } or { hold = device.hold }
    return 'DEVICE_HELD', 'its device is held for ' .. (job and 'job ' or '') .. device.hold, metadata
  end
  if not own then return 'DEVICE_LOCKED', 'its device is locked by ' .. device.locker, { owner = device.locker } end
  if not full then return nil end
  if ends then return 'CHANGES_FROZEN', full .. ' keeps changes from starting', { policy = full } end
  if ceiling(full) == 0 then return 'QUEUE_PAUSED', full .. ' is paused', { limit = full } end
  return 'LIMIT_REACHED', 'the limit of ' .. full .. ' is reached', { limit = full }
end

-- Ends a job that was not to wait and stands in no line.
local function refuse_to_wait(id, from, attempt, why, what, metadata)
  local message = 'The job was not to wait, and ' .. what .. '.'
  local failure = cjson.encode({ reason = why, message = message, metadata = metadata })
  call('HSET', key('job', id), 'err', failure)
  close_waiting(id, from, 'FAILED')
  announce(id, event(id, attempt, state_body('FAILED') .. ',"x":' .. failure))
end

-- Ends a job whose time has come, and which is blocked.
local function give_up_if_blocked(id)
  local facts = call('HMGET', key('job', id), 'st', 'ep', 'cls', 'att', 'blk')
  if facts[1] ~= 'QUEUED' or not facts[5] then return end
  local endpoint, line = facts[2], line_of(facts[3])
  local device, definition = gates(endpoint), definition_of(id)
  local from = source(endpoint, line, device)
  local own = from == key(line, endpoint) or device.locker == definition.by
  local full, ends = frozen(endpoint, line)
  local why, what, metadata = obstacle(device, endpoint, from, own, full or full_limit(id, names_of(definition)), ends)
  if not why then return end
  withdraw(id, endpoint, line)
  refuse_to_wait(id, 'QUEUED', facts[4], why, what, metadata)
  place(endpoint)
end
