-- Shared by scripts after which the outcome of a job may be unknown.

-- Closes a device for changes until the job's outcome is resolved.
local function hold(endpoint, id)
  call('ZADD', key('holds', endpoint), now, id)
  call('HSETNX', key('ep', endpoint), 'hold', id)
end
