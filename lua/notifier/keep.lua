--- Let a history live on because somebody follows its channel.
-- @batch 64
-- @full runs         adds nothing
-- @shared lasts      milliseconds from now on, unless it lives longer
-- @item key history  stream
-- @returns integer   1 if it lives longer for it

local function item(history)
  return redis.call('PEXPIRE', history, lasts, 'GT')
end
