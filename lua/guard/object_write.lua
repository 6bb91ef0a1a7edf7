--- Write an object: some of its fields, or all of them.
--
-- Invariant: it is written whole or not at all, only over the version that the caller saw (if it names one), and with a token only when no
-- higher token wrote. A caller that gets no answer reads the version: its own write has a version that it did not see.
-- @batch 32
-- @full refused      it may grow
-- @include guard/fencing
-- @include guard/objects
-- @shared ttl        milliseconds after its last write until it expires; 0 for never
-- @item key object   hash
-- @item key fence    string: the highest fence token; the object's own key when the call has none
-- @item arg ops      JSON, see lua/_lib/guard/objects.lua
-- @item arg whole    1 to replace all fields
-- @item arg version  that it must have; empty for any, 0 for none
-- @item arg token    of the caller's lease; empty for none
-- @item arg lasts    milliseconds until the fields expire that it sets; 0 for never
-- @returns string    "+version" and a line for each incremented field; "f" and the highest token; "u": the server cannot expire fields; or why not

ttl = tonumber(ttl)

local function item(object, fence, ops, whole, version, token, lasts)
  lasts, token = tonumber(lasts), tonumber(token)
  if lasts > 0 and not objects.expires(object) then
    return 'u'
  end
  local refused = token and fencing.prepare(fence, token)
  if refused then
    return refused
  end
  local request = { ops = cjson.decode(ops), whole = whole == '1', version = tonumber(version) }
  local planned = objects.prepare(object, request)
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  if token then
    fencing.apply(fence, token)
  end
  return objects.apply(object, planned, ttl, lasts)
end
