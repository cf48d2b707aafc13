-- Notes that the jobs of targets that started are there. KEYS[1] is the installation's root.
-- @include run
--
-- ARGV  2 id · and for each target: index · stamp of its job
-- Gives 'OK'
-- Cost  O(targets)

local id = ARGV[2]
local codes_key = key('run-codes', id)
for i = 3, #ARGV, 2 do
  if call('GETRANGE', codes_key, ARGV[i], ARGV[i]) == 's' then
    call('SETRANGE', codes_key, ARGV[i], 'j')
    call('SETRANGE', key('run-stamps', id), ms(ARGV[i] * STAMP), ARGV[i + 1])
  end
end
return 'OK'
