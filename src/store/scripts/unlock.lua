-- Shared by unlock_device and tick: takes a device's lock away.

local function unlock(endpoint)
  call('HDEL', key('ep', endpoint), 'lock', 'locker', 'locked')
  call('ZREM', key('locks'), endpoint)
  call('UNLINK', key('reads-pass', endpoint), key('changes-pass', endpoint))
end
