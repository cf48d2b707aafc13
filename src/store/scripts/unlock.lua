-- Shared by unlock_device and tick: takes a device's lock away.

local function unlock(endpoint)
  redis.call('HDEL', key('ep', endpoint), 'lock', 'locker', 'locked')
  redis.call('ZREM', key('locks'), endpoint)
  redis.call('UNLINK', key('reads-pass', endpoint), key('changes-pass', endpoint))
end
