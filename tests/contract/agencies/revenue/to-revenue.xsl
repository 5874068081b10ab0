<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:c="urn:example:consignment:1"
                exclude-result-prefixes="c">
  <xsl:param name="ordinal"/>
  <xsl:output encoding="UTF-8"/>
  <xsl:template match="/c:Consignments">
    <Entry of="{c:Consignment[number($ordinal)]/c:Reference}"/>
  </xsl:template>
</xsl:stylesheet>
