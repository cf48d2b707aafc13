-- Limits. A job has names it may be limited by: its queue, its caller, its labels. Who runs under a name is a
-- set of job ids, never a counter, so that no permit can leak. What a full limit blocks is parked under it, out of its
-- line, so that no claim ever looks at it; a permit that comes free goes to the parked job that stands first, which
-- returns to its line with the permit in its hand.
-- @needs lines, place, freezes

-- The names a job may be limited by.
local function names_of(definition)
  local names = {}
  if definition.queue then names[1] = 'queue/' .. definition.queue end
  names[#names + 1] = 'caller/' .. definition.by
  for _, label in ipairs(definition.labels) do names[#names + 1] = 'label/' .. label end
  return names
end

-- How many may run under a name: nil for no limit, 0 while its queue is paused.
local function ceiling(name)
  if call('HEXISTS', key('paused'), name) == 1 then return 0 end
  local most = call('HGET', key('limits'), string.match(name, '^(label/[^=]+)=') or name)
  return most and tonumber(most)
end

-- How many may start under a name that jobs wait aside for: also of a policy, which lets none or all.
local function room_under(name)
  if is_policy(name) then return policy_until(name) and 0 or nil end
  return ceiling(name)
end

-- The name that keeps a job from starting, if any.
local function full_limit(id, names)
  for _, name in ipairs(names) do
    local most = ceiling(name)
    local holders = key('permits', name)
    if most and (most == 0 or (call('SCARD', holders) >= most and call('SISMEMBER', holders, id) == 0)) then
      return name
    end
  end
  return nil
end

-- Takes every permit a job needs, whatever room there is.
local function take_permits(id, names)
  local taken = 0
  for _, name in ipairs(names) do
    -- Who runs in a named queue is kept whether or not it has a limit.
    if string.sub(name, 1, 6) == 'queue/' or ceiling(name) then
      call('SADD', key('permits', name), id)
      taken = taken + 1
    end
  end
  if taken > 0 then call('HSET', key('job', id), 'permits', 1) end
end

-- Takes every permit a job needs, or none: gives the name that is full.
local function acquire(id, names)
  local full = full_limit(id, names)
  if not full then take_permits(id, names) end
  return full
end

-- Whether a job that returned to its line could start at once.
local function can_start(id, endpoint)
  local device = gates(endpoint)
  if device.run then return false end
  return first(endpoint, device) == id
end

-- Brings a job back into its line from where it waited aside.
local function unpark(id, endpoint, line, score, expires)
  call('HDEL', key('job', id), 'parked')
  call('SREM', key('later', endpoint), id)
  enter_line(id, endpoint, line, score, expires)
end

-- Lets parked jobs go on under a name, while it has room. A permit is handed to a job that can start; one whose device is
-- busy or closed returns to its line without, and asks again when its turn comes. Gives how many were looked at.
local function admit(name)
  local parked, holders = key('parked', name), key('permits', name)
  for count = 0, 99 do
    local most = room_under(name)
    if most and call('SCARD', holders) >= most then return count end
    local id = call('ZPOPMIN', parked)[1]
    if not id then
      call('SREM', key('crowds'), name)
      return count
    end
    local job = key('job', id)
    local facts = call('HMGET', job, 'ep', 'cls', 'sc', 'ex')
    if facts[1] and facts[2] and facts[3] and facts[4] then
      unpark(id, facts[1], line_of(facts[2]), facts[3], facts[4])
      if most and can_start(id, facts[1]) then
        call('SADD', holders, id)
        call('HSET', job, 'permits', 1)
      end
      place(facts[1])
    end
  end
  return 100
end

-- Gives a job's permits back, and lets others go on.
local function give_back(id, names)
  call('HDEL', key('job', id), 'permits')
  for _, name in ipairs(names) do
    if call('SREM', key('permits', name), id) == 1 and call('SISMEMBER', key('crowds'), name) == 1 then
      admit(name)
    end
  end
end

-- Takes permits back that were handed to jobs which cannot start any more, because their device was closed meanwhile.
local function recall(name)
  local ids = call('SRANDMEMBER', key('permits', name), 100)
  table.sort(ids)
  for _, id in ipairs(ids) do
    local facts = call('HMGET', key('job', id), 'st', 'ep')
    if facts[1] == 'QUEUED' and not can_start(id, facts[2]) then give_back(id, names_of(definition_of(id))) end
  end
end

-- Puts a job aside under a full limit or a policy. It keeps its queue timeout and its place.
local function park(id, endpoint, name, score, expires)
  call('ZADD', key('parked', name), score, id)
  call('SADD', key('later', endpoint), id)
  write('ZADD', key('expire'), expires, id)
  call('SADD', key('crowds'), name)
  call('HSET', key('job', id), 'parked', name)
end

-- What a job gives up when it stops running or waiting, for good or for a while.
local function yield_permits(id)
  if call('HEXISTS', key('job', id), 'permits') == 1 then give_back(id, names_of(definition_of(id))) end
end
