#!lua flags=allow-oom
-- Opens an endpoint for jobs again.
--
-- ARGV  2 endpoint
-- Gives OK
-- Cost  O(1)

call('HDEL', key('ep', ARGV[2]), 'closed')
return 'OK'
