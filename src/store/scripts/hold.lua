-- Shared by scripts after which the outcome of work on a device may be unknown, or unknown for the whole zone.

-- Closes a device for changes. `name` is the job whose outcome is to be resolved; "worker/<name>" when a worker's journal
-- is missing; "restore" when old data came back.
local function hold(endpoint, name)
  call('ZADD', key('holds', endpoint), now, name)
  if call('HSETNX', key('ep', endpoint), 'hold', name) == 1 then note_hold('held', endpoint, name) end
end

-- Closes a device for another reason than a job of its own, so that it can be found by that reason.
local function hold_for(endpoint, name)
  hold(endpoint, name)
  call('SADD', key('held', name), endpoint)
end

-- Closes a device for all that its zone is closed for.
local function hold_as_zone(endpoint)
  for _, name in ipairs(closed_by()) do hold_for(endpoint, name) end
end
