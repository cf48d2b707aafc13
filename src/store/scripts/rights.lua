#!lua flags=no-writes
-- Which commands the user may not run on what lies under this root. Of a script that Redis stops at one of them, it takes
-- nothing back.
--
-- ARGV  2… names of commands
-- Gives those of them
-- Cost  O(names)

-- Some take any number of keys, so what follows the first is one as well.
local denied, ours = {}, key('hint', '')
for i = 2, #ARGV do
  if not redis.acl_check_cmd(ARGV[i], ours, ours) then denied[#denied + 1] = ARGV[i] end
end
return denied
